"""A machine's private disk: a copy-on-write overlay over an image."""

from __future__ import annotations

import os
from pathlib import Path

from devbox import process
from devbox.paths import private_folder
from devbox.providers import Shape
from devbox.qcow2 import virtual_size
from devbox.units import Size


def make(shape: Shape, *, anew: bool = False) -> None:
    """Make the disk unless it is there, or in its place; who is killed leaves the old one or a whole one."""
    if shape.disk.exists() and not anew:
        return
    private_folder(shape.disk.parent)
    staged = staging(shape.disk)
    staged.unlink(missing_ok=True)
    try:
        base = shape.base.resolve()  # what stands on it must not depend on a link to the store
        virtual = max(shape.disk_size, virtual_size(shape.base))
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base), str(staged)]
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


def staging(disk: Path) -> Path:
    """The same name each time, so that what a killed run left is found again."""
    return disk.with_name(f".{disk.name}.new")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
