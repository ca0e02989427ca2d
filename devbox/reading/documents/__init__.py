"""A YAML file that a user wrote, as plain values that know their place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devbox.errors import BadInput, Mistake
from devbox.reading.documents.places import Place, Where, dotted, quoted

__all__ = ["Document", "Place", "Where", "dotted", "quoted", "read"]


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
    from devbox.reading.documents.nodes import Mapping, Scalar, compose
    from devbox.reading.documents.text import text_of
    from devbox.reading.documents.values import Values

    node, mistakes = compose(file, text_of(file))
    if node is None or (isinstance(node, Scalar) and node.plain and not node.text):
        raise BadInput([Mistake(file, 1, "", "the file is empty; it must be a mapping of keys to values")])
    if not isinstance(node, Mapping):
        raise BadInput([Mistake(file, node.line, "", "the file must be a mapping of keys to values")])
    values = Values(file)
    root = values.of(node)
    values.places[()] = Place(file, node.line)
    return Document(file, root, values.places, (*mistakes, *values.mistakes))


def _outwards(where: Where) -> Iterator[Where]:
    yield from (where[:length] for length in range(len(where), -1, -1))
