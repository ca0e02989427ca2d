"""Where in a file a value was written, and how that is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Where = tuple[str | int, ...]  # ("machines", "api", "ports", 0)

_SIMPLE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Place:
    """Where a value was written; ``line`` counts from 1."""

    file: Path
    line: int


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
