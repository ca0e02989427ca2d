"""Whether what came is a disk at all, and one that reads nothing but itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from devbox import process
from devbox.fetch.transfer import FetchFailed

_MAGIC = b"QFI\xfb"
_HTML = (b"<!doctype", b"<html", b"<?xml", b"<head", b"{")
_BOOTABLE = b"\x55\xaa"
# Incompatible features of docs/interop/qcow2.txt: bit 2 is an external data file.
_INCOMPATIBLE, _DATA_FILE = slice(72, 80), 1 << 2
_BACKING = slice(8, 16)
_VERSION = slice(4, 8)


def examine(file: Path, name: str) -> str:
    """``qcow2`` or ``raw``. Raises FetchFailed for what is neither, or could read the host's files.

    The header is read here: QEMU's own tools open what it names.
    """
    with file.open("rb") as opened:
        header = opened.read(1024)
    if not header.startswith(_MAGIC):
        return _raw(header, name)
    if int.from_bytes(header[_VERSION]) not in (2, 3):
        raise FetchFailed(f"'{name}' is a qcow2 file of a version that QEMU does not know.")
    if int.from_bytes(header[_BACKING]):
        raise FetchFailed(f"'{name}' is refused: it names a backing file, and could read files of this host.")
    if int.from_bytes(header[_VERSION]) == 3 and int.from_bytes(header[_INCOMPATIBLE]) & _DATA_FILE:
        raise FetchFailed(f"'{name}' is refused: it names a data file, and could read files of this host.")
    return "qcow2"


def look_inside(file: Path, name: str) -> int:
    """The virtual size of a qcow2 file, whose tables must be sound; after ``examine``."""
    try:
        said: dict[str, Any] = json.loads(
            process.run(["qemu-img", "info", "-U", "-f", "qcow2", "--output=json", file], timeout=120)
        )
        process.run(["qemu-img", "check", "-q", "-f", "qcow2", file], timeout=600)
    except process.CommandFailed as error:
        raise FetchFailed(f"'{name}' is a damaged qcow2 file.", details=error.details) from error
    inner = said.get("format-specific", {}).get("data", {})
    if said.get("backing-filename") or inner.get("data-file"):
        raise FetchFailed(f"'{name}' is refused: it names another file, and could read files of this host.")
    return int(said["virtual-size"])


def _raw(header: bytes, name: str) -> str:
    start = header.lstrip()[:16].lower()
    if start.startswith(_HTML):
        raise FetchFailed(
            f"'{name}' is no disk but a web page: '{header[:60].decode(errors='replace').strip()}'.",
            advice="A proxy, a login page or a server that moved may be in between.",
        )
    if header[510:512] != _BOOTABLE:
        raise FetchFailed(f"'{name}' is neither a qcow2 file nor a disk with a boot sector.")
    return "raw"
