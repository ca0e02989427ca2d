"""Patterns of paths: * within a name, ** across folders, {a,b} alternatives, ~ for every home."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_PIECE = re.compile(r"\*\*|\*|\?|\{[^{}]*\}|\[[^\]]*\]|[^*?{\[]+|.", re.DOTALL)


def matching(patterns: Iterable[str], homes: Sequence[bytes]) -> re.Pattern[bytes]:
    """One expression for all patterns, to be used with ``fullmatch`` on absolute paths."""
    return _compiled(tuple(patterns), tuple(homes))


@lru_cache(maxsize=1024)
def _compiled(patterns: tuple[str, ...], homes: tuple[bytes, ...]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(_one(pattern, homes) for pattern in patterns) or b"(?!)", re.DOTALL)


def _one(pattern: str, homes: tuple[bytes, ...]) -> bytes:
    if not pattern.startswith("~/"):
        return _body(pattern)
    if not homes:
        return b"(?!)"
    return b"(?:" + b"|".join(re.escape(home) for home in homes) + b")" + _body(pattern[1:])


def _body(pattern: str) -> bytes:
    return b"".join(_piece(piece) for piece in _PIECE.findall(pattern))


def _piece(piece: str) -> bytes:
    if piece == "**":
        return b".*"
    if piece == "*":
        return b"[^/]*"
    if piece == "?":
        return b"[^/]"
    if piece.startswith("{") and piece.endswith("}"):
        return b"(?:" + b"|".join(_body(one) for one in piece[1:-1].split(",")) + b")"
    if piece.startswith("[") and piece.endswith("]"):
        return piece.encode()
    return re.escape(piece.encode())
