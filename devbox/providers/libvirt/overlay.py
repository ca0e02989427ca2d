"""A machine's private disk: a copy-on-write overlay over an image."""

from __future__ import annotations

import os
from pathlib import Path

from devbox import process
from devbox.errors import DevboxError
from devbox.paths import private_folder
from devbox.providers import Shape
from devbox.units import Size

_MAGIC = b"QFI\xfb"


def make(shape: Shape) -> None:
    """Make the disk unless it is there; whoever is killed in between leaves none, or a whole one."""
    if shape.disk.exists():
        return
    private_folder(shape.disk.parent)
    staged = staging(shape.disk)
    staged.unlink(missing_ok=True)
    try:
        virtual = max(shape.disk_size, virtual_size(shape.base))
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(shape.base), str(staged)]
        process.run([*argv, str(int(virtual))])
        staged.chmod(0o600)
        _sync(staged)
        staged.rename(shape.disk)
    finally:
        staged.unlink(missing_ok=True)


def grow(disk: Path, size: Size) -> None:
    """Make the disk of a stopped machine larger; never smaller."""
    if virtual_size(disk) < size:
        process.run(["qemu-img", "resize", "-q", "-f", "qcow2", disk, str(int(size))])


def virtual_size(disk: Path) -> Size:
    """How large the guest sees a qcow2 file, from its header (docs/interop/qcow2.txt of QEMU)."""
    try:
        with disk.open("rb") as file:
            header = file.read(32)
    except OSError as error:
        raise DevboxError(f"The disk '{disk}' cannot be read: {error.strerror}.") from error
    if len(header) < 32 or header[:4] != _MAGIC:
        raise DevboxError(f"The disk '{disk}' is no qcow2 file.", advice="Run 'devbox gc', then 'devbox up'.")
    return Size(int.from_bytes(header[24:32]))


def staging(disk: Path) -> Path:
    """The same name each time, so that what a killed run left is found again."""
    return disk.with_name(f".{disk.name}.new")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
