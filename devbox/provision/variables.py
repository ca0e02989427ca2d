"""Which of the user's variables a playbook can see the value of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")

_WORD = re.compile(r"[A-Za-z0-9_]+")
# Whoever computes names can reach any variable.
_COMPUTED = re.compile(
    r"""
      hostvars | task_vars | varnames | with_vars\b
    | vars \s* (?: \[ | \| | \. (?: get | items | keys | values ) \b )
    | \b in \s+ vars \b
    | \b (?: lookup | query | q ) \( \s* ['"] (?: ansible\. (?: builtin | legacy ) \. )? vars ['"]
    """,
    re.VERBOSE,
)
# Ansible itself reads these; no file has to name them.
_ANSIBLES_OWN = "ansible_"


def that_matter(texts: Iterable[str], variables: Mapping[str, Value]) -> dict[str, Value]:
    """The variables that the texts name, that these variables' values name, and so on.

    Rather one too many than one too few: a name in a comment counts, and a text that computes
    names makes all count.
    """
    left = set(variables)
    waiting = [*texts, *(name for name in variables if name.startswith(_ANSIBLES_OWN))]
    while waiting and left:
        text = waiting.pop()
        if _COMPUTED.search(text):
            return dict(variables)
        named = left.intersection(_WORD.findall(text))
        left -= named
        for name in named:
            waiting += _texts_in(variables[name])
    return {name: value for name, value in variables.items() if name not in left}


def _texts_in(value: object) -> Iterator[str]:
    """Each on its own: written as one text, an escaped line's end would grow into the next word."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts_in(key)
            yield from _texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_in(inner)
    elif isinstance(value, str):
        yield value
