"""From text to a tree of nodes with lines: YAML without tags, loops and bottomless nesting."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devbox.errors import BadInput, Mistake

DEEPEST = 40

# the parser in C reads the same language 20 times faster, but not every platform's wheel has it
FASTEST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAB = re.compile(r" *\t")


@dataclass(frozen=True)
class Scalar:
    line: int
    text: str
    plain: bool  # written without quotes, so that it may be a number


@dataclass
class Sequence:
    line: int
    items: list[Node] = field(default_factory=list)


@dataclass
class Mapping:
    """Keys and values alternate in ``items``: both are nodes of any kind."""

    line: int
    items: list[Node] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Node, Node]]:
        return list(zip(self.items[::2], self.items[1::2], strict=True))


Node = Scalar | Sequence | Mapping


def compose(file: Path, text: str, loader: Any = None) -> tuple[Node | None, list[Mistake]]:
    """The file's one document; ``None`` where there is none.

    Works through the parser's events without recursion, so that depth can't exhaust the stack.
    Raises BadInput for what is no YAML, several documents and nesting beyond DEEPEST.
    """
    tree = _Tree(file)
    try:
        for event in yaml.parse(text, Loader=loader or FASTEST):
            tree.take(event)
    except yaml.YAMLError as error:
        raise BadInput([_no_yaml(file, text, error)]) from None
    return tree.root, tree.mistakes


class _Tree:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.root: Node | None = None
        self.mistakes: list[Mistake] = []
        self._documents = 0
        self._open: list[Sequence | Mapping] = []
        self._anchors: dict[str, Node] = {}

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._bad(line, "a second document starts here ('---'); a file holds only one")
            case yaml.AliasEvent():
                self._add(self._alias(event.anchor or "", line))
            case yaml.ScalarEvent():
                self._tag(event, line)
                self._start(event, Scalar(line, event.value, plain=not event.style))
            case yaml.SequenceStartEvent():
                self._tag(event, line)
                self._start(event, Sequence(line))
            case yaml.MappingStartEvent():
                self._tag(event, line)
                self._start(event, Mapping(line))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()

    def _start(self, event: yaml.NodeEvent, node: Node) -> None:
        self._add(node)
        if event.anchor:
            self._anchors[event.anchor] = node
        if not isinstance(node, Scalar):
            self._open.append(node)
            if len(self._open) > DEEPEST:
                raise self._bad(node.line, f"this is nested more than {DEEPEST} levels deep")

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].items.append(node)
        else:
            self.root = node

    def _alias(self, name: str, line: int) -> Node:
        node = self._anchors.get(name)
        if node is None:
            self._mistake(line, f"'*{name}' refers to an anchor '&{name}' that is not defined above")
        elif any(node is one for one in self._open):
            self._mistake(line, f"'*{name}' lies inside '&{name}' itself, so it would never end")
        else:
            return node
        return Scalar(line, "", plain=True)

    def _tag(self, event: Any, line: int) -> None:
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._mistake(line, f"the tag '{shown}' is not allowed; write the value without it")

    def _mistake(self, line: int, problem: str) -> None:
        self.mistakes.append(Mistake(self.file, line, "", problem))

    def _bad(self, line: int, problem: str) -> BadInput:
        return BadInput([*self.mistakes, Mistake(self.file, line, "", problem)])


def _no_yaml(file: Path, text: str, error: yaml.YAMLError) -> Mistake:
    """The parser's complaint, or the tab that is behind it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return Mistake(file, 0, "", "this is no YAML")
    lines = text.splitlines()
    for number in (mark.line, mark.line - 1):
        if 0 <= number < len(lines) and _TAB.match(lines[number]):
            return Mistake(file, number + 1, "", "the line is indented with a tab; YAML wants spaces")
    problem = getattr(error, "problem", None) or "it can't be understood"
    context = getattr(error, "context", None)
    said = f"{context}, {problem}" if context else problem
    return Mistake(file, mark.line + 1, "", f"this is no YAML: {said}")
