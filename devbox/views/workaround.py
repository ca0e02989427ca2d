"""One workaround as text for people."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from devbox.workarounds.entry import Entry

_WIDTH = 100


def workaround_text(entry: Entry, met: str = "") -> str:
    """All of the entry; ``met`` is the symptom that led to it."""
    return "\n".join(_lines(entry, met))


def _lines(entry: Entry, met: str) -> Iterator[str]:
    yield f"{entry.name}: {entry.summary}"
    yield from _section("Met" if met else "Symptoms", [met] if met else entry.symptoms)
    yield ""
    yield from textwrap.wrap(" ".join(entry.explanation.split()), _WIDTH, break_on_hyphens=False)
    yield from _section("Affects", entry.affects.lines())
    variables = [
        f"{name}: {json.dumps(variable.default)}, {variable.description}"
        for name, variable in entry.variables.items()
    ]
    yield from _section("Variables for devbox.yml", variables)
    yield from _section("References", entry.references)
    yield ""
    yield f"Status: {entry.status}"
    yield f"May go: {entry.retire}"
    yield f"Files: {entry.folder}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield from ("", f"{title}:", *(f"  {line}" for line in listed))
