"""A machine's disk, as far as it can be seen without qemu-img."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest
import shapes

from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.providers.libvirt import overlay
from devbox.qcow2 import virtual_size
from devbox.units import Size


def header(size: int) -> bytes:
    return struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, size)


def test_a_disk_that_exists_is_kept(home: Home) -> None:
    wanted = shapes.identify(shapes.shape(home))
    wanted.disk.write_bytes(b"whatever the user has")
    overlay.make(wanted)
    assert wanted.disk.read_bytes() == b"whatever the user has"


def test_nothing_is_left_when_the_image_is_gone(home: Home) -> None:
    wanted = replace(shapes.identify(shapes.shape(home)), base=home.root / "gone.qcow2")
    with pytest.raises(DevboxError):
        overlay.make(wanted)
    assert list(wanted.disk.parent.iterdir()) == [wanted.identity]


def test_a_disk_is_large_enough_already(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(header(Size.parse("2GiB")))
    overlay.grow(disk, Size.parse("1GiB"))
    assert virtual_size(disk) == Size.parse("2GiB")
