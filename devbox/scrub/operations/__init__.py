"""The catalogue of operations: every module here has one, and the catalogue checks itself when loaded."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from devbox.errors import Refused
from devbox.scrub.known_secrets import NAMES
from devbox.scrub.operation import Action, Operation, Set


@cache
def catalogue() -> tuple[Operation, ...]:
    """All operations by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    operations = tuple(
        _checked(name, importlib.import_module(f"{__name__}.{name}").OPERATION) for name in names
    )
    taken = {operation.name for operation in operations} & {str(one) for one in (*Set, "all")}
    assert not taken, f"these names are sets already: {taken}"
    return operations


def chosen(words: Sequence[str] = ()) -> tuple[Operation, ...]:
    """The operations of these names and sets; a word with '-' before it takes some away again.

    Nothing, or only words with '-', starts from those that are on by default; "all" names every one.
    Raises Refused with all words that are unknown.
    """
    known = {operation.name for operation in catalogue()} | {str(one) for one in Set} | {"all"}
    unknown = [word for word in words if word.removeprefix("-") not in known]
    if unknown:
        raise Refused(
            f"There is no operation or set of the name {', '.join(repr(word) for word in unknown)}.",
            advice="'devbox scrub --list' shows them all.",
        )
    added = [word for word in words if not word.startswith("-")]
    taken = [word[1:] for word in words if word.startswith("-")]
    return tuple(
        operation
        for operation in catalogue()
        if (_named(operation, added) if added else operation.default) and not _named(operation, taken)
    )


def _named(operation: Operation, words: Sequence[str]) -> bool:
    return operation.name in words or "all" in words or str(operation.set) in words


def _checked(module: str, operation: Operation) -> Operation:
    """Names equal file names, texts have the form that lists and pages rely on, rules can be carried out."""
    assert operation.name == module.replace("_", "-"), module
    assert operation.summary, module
    assert operation.summary[0].islower() or operation.summary[0].isupper(), module
    assert not operation.summary.endswith("."), module
    assert operation.reason.endswith("."), module
    assert operation.rules, module
    for rule in operation.rules:
        assert rule.paths, module
        assert all(path.startswith(("/", "~/")) for path in (*rule.paths, *rule.but)), module
        assert rule.secrets <= NAMES, module
        assert (rule.rewriting is None) is (rule.action is not Action.REWRITE), module
    return operation
