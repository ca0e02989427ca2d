"""What a machine said on its serial console, made fit to read."""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles
    r"|\x1b[ -/]*[0-~]"
    r"|(?<=…)\[[0-9;]*m"  # systemd shortens long names, and an escape sequence with them
)
_UNUSUAL = re.compile(r"[^\x20-\x7e]")
TAIL_LINES = 20


def clean(text: str) -> str:
    """Without escape sequences and control characters; a line that was overwritten shows its last state."""
    lines = (_last_state(line) for line in _ESCAPES.sub("", text).split("\n"))
    return "\n".join(lines)


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines that hold anything, of a console's raw text."""
    return "\n".join([line for line in clean(text).splitlines() if line.strip()][-lines:])


def last_line(text: str) -> str:
    return tail(text, 1).strip()


def _last_state(line: str) -> str:
    """A carriage return goes back to the line's start: progress displays write over themselves."""
    states = [state for state in line.split("\r") if state.strip()]
    return _UNUSUAL.sub(_printable, states[-1].expandtabs()).rstrip() if states else ""


def _printable(match: re.Match[str]) -> str:
    """Besides control characters, those that turn the direction of text go as well."""
    return match[0] if match[0].isprintable() else ""
