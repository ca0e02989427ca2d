"""Whether the user's OpenSSH configuration leads to devbox's machines, and the line that makes it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from devbox.doctor.facts import SshConfig

_BLOCK = re.compile(r"^\s*(?:Host|Match)\b", re.IGNORECASE | re.MULTILINE)
_INCLUDE = re.compile(r"^\s*Include\s*[=\s]\s*(?P<paths>.+?)\s*$", re.IGNORECASE | re.MULTILINE)


def includes(text: str, include: str) -> bool:
    """Whether an Include of the same file stands before the first block, where it counts for all hosts."""
    wanted = set(_paths(include))
    block = _BLOCK.search(text)
    return wanted <= set(_paths(text[: block.start()] if block else text))


def mending_command(config: SshConfig) -> str:
    """One line for a shell, which puts the Include first whatever is in the file already."""
    file = shlex.quote(str(config.file))
    if not config.text:
        folder = shlex.quote(str(config.file.parent))
        return f"mkdir -p -m 700 {folder} && echo {shlex.quote(config.include)} >> {file}"
    return f"sed -i {shlex.quote(f'1i {config.include}')} {file}"


def _paths(text: str) -> list[Path]:
    found = []
    for match in _INCLUDE.finditer(text):
        try:
            words = shlex.split(match["paths"])
        except ValueError:  # a quote without its other half
            continue
        found += [_absolute(word) for word in words]
    return found


def _absolute(word: str) -> Path:
    """As ssh reads it: '~' is the home, what is relative starts in ~/.ssh."""
    path = Path(word)
    return path.expanduser() if word.startswith("~") else Path.home() / ".ssh" / path
