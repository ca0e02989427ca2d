"""From nodes to plain values, with the place of each: anchors expanded, keys unique."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devbox.errors import BadInput, Mistake
from devbox.reading.documents.nodes import DEEPEST, Mapping, Node, Scalar, Sequence
from devbox.reading.documents.places import Place, Where, dotted
from devbox.reading.documents.scalars import resolve

MOST = 20_000

_MERGE = "<<"


class Values:
    """Turns nodes into values; the count of values is bounded, whatever anchors multiply."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.places: dict[Where, Place] = {}
        self.mistakes: list[Mistake] = []
        self._left = MOST

    def of(self, node: Node, where: Where = ()) -> Any:
        self._spend(node, len(where))
        if isinstance(node, Scalar):
            return self._scalar(node, where)
        if isinstance(node, Mapping):
            return self._mapping(node, where)
        return self._sequence(node, where)

    def _scalar(self, node: Scalar, where: Where) -> Any:
        if not node.plain:
            return node.text
        try:
            return resolve(node.text)
        except ValueError as error:
            self._mistake(node.line, where, str(error))
            return node.text

    def _sequence(self, node: Sequence, where: Where) -> list[Any]:
        values = []
        for index, item in enumerate(node.items):
            self.places[*where, index] = Place(self.file, item.line)
            values.append(self.of(item, (*where, index)))
        return values

    def _mapping(self, node: Mapping, where: Where) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, line, value in self._entries(node, where):
            if key not in values:  # what is written here itself stands before what is merged
                self.places[*where, key] = Place(self.file, line)
                values[key] = self.of(value, (*where, key))
        return values

    def _entries(self, node: Mapping, where: Where, level: int = 0) -> Iterator[tuple[str, int, Node]]:
        """The mapping's own entries, then those of the mappings it merges ('<<')."""
        yield from self._own(node, where)
        for source in self._sources(node, where):
            self._spend(source, len(where) + level)
            yield from self._entries(source, where, level + 1)

    def _own(self, node: Mapping, where: Where) -> Iterator[tuple[str, int, Node]]:
        """The mapping's own keys, each once; the first of two equal ones counts."""
        lines: dict[str, int] = {}
        for key, value in node.pairs:
            self._spend(key, len(where))
            if not isinstance(key, Scalar):
                self._mistake(key.line, where, "a key must be a text, not a list or mapping")
            elif key.text in lines:
                self._mistake(key.line, (*where, key.text), f"this key is already in line {lines[key.text]}")
            elif not _merges(key):
                lines[key.text] = key.line
                yield key.text, key.line, value

    def _sources(self, node: Mapping, where: Where) -> Iterator[Mapping]:
        for key, value in node.pairs:
            if not _merges(key):
                continue
            for source in value.items if isinstance(value, Sequence) else [value]:
                if isinstance(source, Mapping):
                    yield source
                else:
                    self._mistake(key.line, where, "'<<' wants a mapping, such as '*base'")

    def _spend(self, node: Node, depth: int) -> None:
        self._left -= 1
        if self._left < 0:
            problem = f"the file has more than {MOST} keys and values once its anchors are expanded"
        elif depth > DEEPEST:
            problem = f"this is nested more than {DEEPEST} levels deep"
        else:
            return
        raise BadInput([*self.mistakes, Mistake(self.file, node.line, "", problem)])

    def _mistake(self, line: int, where: Where, problem: str) -> None:
        self.mistakes.append(Mistake(self.file, line, dotted(where), problem))


def _merges(key: Node) -> bool:
    return isinstance(key, Scalar) and key.plain and key.text == _MERGE
