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
from devbox.units import Size


def header(size: int) -> bytes:
    return struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, size)


@pytest.mark.parametrize("text", ["1GiB", "64MiB", "3TiB"])
def test_the_size_is_read_from_the_header(tmp_path: Path, text: str) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(header(Size.parse(text)) + bytes(512))
    assert overlay.virtual_size(disk) == Size.parse(text)


@pytest.mark.parametrize("content", [b"", header(1)[:20], b"\x7fELF" + bytes(60)])
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(content)
    with pytest.raises(DevboxError, match=r"disk\.qcow2' is no qcow2 file"):
        overlay.virtual_size(disk)


def test_a_missing_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevboxError, match=r"gone\.qcow2' cannot be read: No such file"):
        overlay.virtual_size(tmp_path / "gone.qcow2")


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
    assert overlay.virtual_size(disk) == Size.parse("2GiB")
