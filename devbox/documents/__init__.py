"""A YAML file that a user wrote, as plain values that know their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devbox.errors import BadInput, Mistake

Where = tuple[str | int, ...]  # ("machines", "api", "ports", 0)

_SIMPLE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Place:
    """Where a value was written; ``line`` counts from 1."""

    file: Path
    line: int


@dataclass(frozen=True)
class Document:
    """A mapping as it was read, the places of everything in it, and the mistakes met on the way."""

    file: Path
    root: dict[str, Any]
    places: dict[Where, Place] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    def mistake(self, where: Where, problem: str) -> Mistake:
        """The mistake at ``where``, or at what is around it where nothing was written there."""
        place = next(self.places[place] for place in _outwards(where) if place in self.places)
        return Mistake(place.file, place.line, dotted(where), problem)


def read(file: Path) -> Document:
    """Read one YAML file whose top is a mapping.

    Mistakes that leave the rest readable (a key that is there twice, a tag) come back in the
    document; BadInput is raised where nothing could be read (no file, no text, no YAML).
    """
    from devbox.documents.nodes import Mapping, Scalar, compose
    from devbox.documents.text import text_of
    from devbox.documents.values import Values

    node, mistakes = compose(file, text_of(file))
    if node is None or (isinstance(node, Scalar) and node.plain and not node.text):
        raise BadInput([Mistake(file, 1, "", "the file is empty; it must be a mapping of keys to values")])
    if not isinstance(node, Mapping):
        raise BadInput([Mistake(file, node.line, "", "the file must be a mapping of keys to values")])
    values = Values(file)
    root = values.of(node)
    values.places[()] = Place(file, node.line)
    return Document(file, root, values.places, (*mistakes, *values.mistakes))


def dotted(where: Where) -> str:
    """``machines.api.ports[0]``; a key with other characters is quoted."""
    shown = ""
    for key in where:
        if isinstance(key, int):
            shown += f"[{key}]"
        else:
            shown += ("." if shown else "") + (key if _SIMPLE.fullmatch(key) else quoted(key))
    return shown


def quoted(value: object) -> str:
    """The text in quotes, short and without characters that could move the cursor."""
    text = str(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    safe = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return f"'{safe}'"


def _outwards(where: Where) -> Iterator[Where]:
    yield from (where[:length] for length in range(len(where), -1, -1))
