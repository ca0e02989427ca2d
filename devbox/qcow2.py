"""What a qcow2 file says of itself, read without qemu-img (docs/interop/qcow2.txt of QEMU)."""

from __future__ import annotations

import os
from pathlib import Path

from devbox.errors import DevboxError
from devbox.units import Size

_MAGIC = b"QFI\xfb"
_HEADER = 32


def virtual_size(disk: Path) -> Size:
    """How large the guest sees the disk."""
    return Size(int.from_bytes(_header(disk)[24:32]))


def backing_file(disk: Path) -> Path | None:
    """The file that the disk stands on; a relative name is meant from the disk's own folder."""
    header = _header(disk)
    offset, length = int.from_bytes(header[8:16]), int.from_bytes(header[16:20])
    if offset == 0:
        return None
    name = _read(disk, offset, length)
    if len(name) != length:
        raise _no_qcow2(disk)
    return disk.parent / os.fsdecode(name)


def chain(disk: Path) -> list[Path]:
    """The disk and all that it stands on, top first; it ends with a file that is missing or no qcow2."""
    found, seen = [], set()
    top: Path | None = disk
    while top is not None and (real := top.resolve()) not in seen:
        found.append(top)
        seen.add(real)
        top = backing_file(top) if _is_qcow2(top) else None
    return found


def _is_qcow2(disk: Path) -> bool:
    try:
        _header(disk)
    except DevboxError:
        return False
    return True


def _header(disk: Path) -> bytes:
    header = _read(disk, 0, _HEADER)
    if len(header) < _HEADER or header[:4] != _MAGIC:
        raise _no_qcow2(disk)
    return header


def _read(disk: Path, offset: int, length: int) -> bytes:
    try:
        with disk.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise DevboxError(f"The disk '{disk}' cannot be read: {error.strerror}.") from error


def _no_qcow2(disk: Path) -> DevboxError:
    return DevboxError(f"The disk '{disk}' is no qcow2 file.", advice="Run 'devbox gc', then 'devbox up'.")
