"""From a file to text: everything that can be wrong before YAML is looked at."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from devbox.errors import BadInput, Mistake

LIMIT = 2**20

_SHOWN = 10
_TOO_LARGE = f"the file is larger than {LIMIT // 2**20} MiB, which no file of this kind needs"
# YAML 1.2, production 1 (c-printable), the other way round
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text_of(file: Path) -> str:
    """The file's text without a byte order mark; BadInput where it has none that YAML allows."""
    content = _content(file)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _bad(file, 1, "the file is UTF-16 text; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise _bad(file, line, f"the byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    odd = [
        Mistake(file, text.count("\n", 0, match.start()) + 1, "", _unprintable(match[0]))
        for match, _ in zip(_UNPRINTABLE.finditer(text), range(_SHOWN), strict=False)
    ]
    if odd:
        raise BadInput(odd)
    return text


def _content(file: Path) -> bytes:
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not wait
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _bad(file, 0, _unreadable(error)) from None
    try:
        problem = _unsuitable(os.fstat(descriptor))
        if problem:
            raise _bad(file, 0, problem)
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            content = opened.read(LIMIT + 1)
    except OSError as error:
        raise _bad(file, 0, _unreadable(error)) from None
    finally:
        os.close(descriptor)
    if len(content) > LIMIT:
        raise _bad(file, 0, _TOO_LARGE)
    return content


def _unsuitable(found: os.stat_result) -> str:
    if stat.S_ISDIR(found.st_mode):
        return "this is a folder, not a file"
    if not stat.S_ISREG(found.st_mode):
        return "this is a device, pipe or socket, not a file"
    return _TOO_LARGE if found.st_size > LIMIT else ""


def _unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "you are not allowed to read this file"
    return f"the file can't be read: {error.strerror}"


def _unprintable(char: str) -> str:
    name = "a NUL byte" if char == "\0" else f"the control character U+{ord(char):04X}"
    return f"there is {name} in this line; remove it"


def _bad(file: Path, line: int, problem: str) -> BadInput:
    return BadInput([Mistake(file, line, "", problem)])
