"""Fragments that a devbox.yml includes: each is read once and merged below the file that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from devbox.errors import BadInput, Mistake
from devbox.reading.documents import Document, Where, quoted, read
from devbox.reading.names import near

_SECTIONS = ("machines", "vars")
_ALLOWED = (*_SECTIONS, "include")
_MOST = 100


def read_all(file: Path) -> Document:
    """The file with all fragments that it includes, directly or not, merged below it.

    Variables and machines' keys of a later file replace those of an earlier one. BadInput is raised
    where the file itself can't be read.
    """
    reading = _Reading(file.parent.resolve())
    document = reading.merged(read(file), (file.resolve(),))
    return Document(document.file, document.root, document.places, (*document.mistakes, *reading.mistakes))


class _Reading:
    def __init__(self, project: Path) -> None:
        self.project = project
        self.mistakes: list[Mistake] = []
        self._seen: set[Path] = set()

    def merged(self, document: Document, chain: tuple[Path, ...]) -> Document:
        """The document on top of what it includes; ``chain`` leads from the first file to it."""
        below: Document | None = None
        named = document.root.get("include")
        for index, text in enumerate(named if isinstance(named, list) else []):
            if isinstance(text, str):
                fragment = self._fragment(document, ("include", index), text, chain)
                if fragment is not None:
                    below = fragment if below is None else _overlay(below, fragment)
        return document if below is None else _overlay(below, document)

    def _fragment(
        self, document: Document, where: Where, text: str, chain: tuple[Path, ...]
    ) -> Document | None:
        try:
            file = self._locate(text, chain)
            if file in self._seen:
                return None
            self._seen.add(file)
            fragment = read(document.file.parent / text)
        except ValueError as error:
            self.mistakes.append(document.mistake(where, str(error)))
            return None
        except BadInput as error:
            self.mistakes += error.mistakes
            return None
        return self.merged(self._checked(fragment), (*chain, file))

    def _locate(self, text: str, chain: tuple[Path, ...]) -> Path:
        if not text or "\0" in text or Path(text).is_absolute():
            raise ValueError(f"{quoted(text)} is no path relative to this file")
        try:
            file = (chain[-1].parent / text).resolve()
            exists = file.is_file()
        except (OSError, RuntimeError):
            raise ValueError(f"{quoted(text)} can't be followed to a file") from None
        if not file.is_relative_to(self.project):
            raise ValueError(f"{quoted(text)} lies outside the project's folder")
        if file in chain:
            loop = [*chain[chain.index(file) :], file]
            shown = " -> ".join(str(one.relative_to(self.project)) for one in loop)
            raise ValueError(f"{quoted(text)} includes itself: {shown}")
        if len(self._seen) >= _MOST and file not in self._seen:
            raise ValueError(f"there are more than {_MOST} fragments")
        if not exists:
            raise ValueError(f"there is no file {quoted(text)}")
        return file

    def _checked(self, fragment: Document) -> Document:
        """The fragment without what only the first file may say, or what can't be merged."""
        kept = {}
        for key, value in fragment.root.items():
            problem = _problem(key, value)
            if problem:
                self.mistakes.append(fragment.mistake((key,), problem))
            else:
                kept[key] = value
        return Document(fragment.file, kept, fragment.places, fragment.mistakes)


def _problem(key: str, value: Any) -> str:
    if key in ("name", "network", "workarounds"):
        return f"'{key}' belongs into devbox.yml itself, not into a fragment"
    if key not in _ALLOWED:
        return f"there is no key {quoted(key)} in a fragment{near(key, _ALLOWED)}"
    if key != "include" and not isinstance(value, dict):
        return "this must be a mapping of keys to values"
    return ""


def _overlay(below: Document, top: Document) -> Document:
    """The two as one: a variable of ``top`` replaces that below, a machine's keys are joined."""
    root = dict(top.root)
    for section in _SECTIONS:
        lower, upper = below.root.get(section, {}), top.root.get(section, {})
        if lower and isinstance(upper, dict):
            root[section] = {**lower, **upper}
            if section == "machines":
                root[section] |= {name: _joined(lower[name], upper[name]) for name in upper if name in lower}
    places = {**below.places, **top.places}
    return Document(top.file, root, places, (*below.mistakes, *top.mistakes))


def _joined(lower: Any, upper: Any) -> Any:
    return {**lower, **upper} if isinstance(lower, dict) and isinstance(upper, dict) else upper
