"""What a qcow2 file says of itself, without and with qemu-img."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from devbox import process, qcow2
from devbox.errors import DevboxError
from devbox.units import Size


def header(size: int, offset: int = 0, length: int = 0) -> bytes:
    return struct.pack(">4sIQIIQ", b"QFI\xfb", 3, offset, length, 16, size)


@pytest.mark.parametrize("text", ["1GiB", "64MiB", "3TiB"])
def test_the_size_is_read_from_the_header(tmp_path: Path, text: str) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(header(Size.parse(text)) + bytes(512))
    assert qcow2.virtual_size(disk) == Size.parse(text)


@pytest.mark.parametrize("read", [qcow2.virtual_size, qcow2.backing_file])
@pytest.mark.parametrize("content", [b"", header(1)[:20], b"\x7fELF" + bytes(60)])
def test_another_kind_of_file_is_named(
    tmp_path: Path, content: bytes, read: Callable[[Path], object]
) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(content)
    with pytest.raises(DevboxError, match=r"disk\.qcow2' is no qcow2 file"):
        read(disk)


def test_a_missing_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(DevboxError, match=r"gone\.qcow2' cannot be read: No such file"):
        qcow2.virtual_size(tmp_path / "gone.qcow2")


def test_a_name_that_is_cut_off_is_told(tmp_path: Path) -> None:
    disk = tmp_path / "disk.qcow2"
    disk.write_bytes(header(1, offset=32, length=100) + b"base")
    with pytest.raises(DevboxError, match="is no qcow2 file"):
        qcow2.backing_file(disk)


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "../{}/b"]])
def test_a_chain_that_bites_its_tail_ends(tmp_path: Path, names: list[str]) -> None:
    names = [name.format(tmp_path.name) for name in names]
    for name, below in zip(names, [*names[1:], names[0]], strict=True):
        encoded = below.encode()
        (tmp_path / name).write_bytes(header(1, offset=32, length=len(encoded)) + encoded)
    found = qcow2.chain(tmp_path / "a")
    assert [path.name for path in found] == [Path(name).name for name in names]


@pytest.mark.parametrize("content", [None, b"", b"raw", bytes(4096)])
def test_a_chain_ends_with_what_is_missing_or_of_another_kind(tmp_path: Path, content: bytes | None) -> None:
    disk = tmp_path / "disk.qcow2"
    if content is not None:
        disk.write_bytes(content)
    assert qcow2.chain(disk) == [disk]


@pytest.mark.integration
class TestWithQemuImg:
    def create(self, disk: Path, base: Path | str | None = None, size: str = "64M") -> Path:
        below = ["-F", "qcow2", "-b", base] if base else []
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", *below, disk, size])
        return disk

    def test_a_disk_without_a_base(self, tmp_path: Path) -> None:
        disk = self.create(tmp_path / "disk.qcow2", size="123M")
        assert qcow2.virtual_size(disk) == Size.parse("123MiB")
        assert qcow2.backing_file(disk) is None
        assert qcow2.chain(disk) == [disk]

    def test_the_whole_chain_by_absolute_and_relative_names(self, tmp_path: Path) -> None:
        (tmp_path / "images").mkdir()
        (tmp_path / "layers").mkdir()
        image = self.create(tmp_path / "images" / "disk.qcow2")
        layer = self.create(tmp_path / "layers" / "disk.qcow2", "../images/disk.qcow2")
        machine = self.create(tmp_path / "müller 1.qcow2", layer)
        assert qcow2.backing_file(machine) == layer
        assert [path.resolve() for path in qcow2.chain(machine)] == [machine, layer, image]

    def test_a_chain_with_a_gap_names_what_is_missing(self, tmp_path: Path) -> None:
        image = self.create(tmp_path / "image.qcow2")
        layer = self.create(tmp_path / "layer.qcow2", image)
        machine = self.create(tmp_path / "machine.qcow2", layer)
        layer.unlink()
        assert qcow2.chain(machine) == [machine, layer]

    def test_it_agrees_with_qemu_img_after_a_rebase(self, tmp_path: Path) -> None:
        old, new = self.create(tmp_path / "old.qcow2"), self.create(tmp_path / ("n" * 200))
        machine = self.create(tmp_path / "machine.qcow2", old)
        process.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", new, machine])
        assert qcow2.backing_file(machine) == new
        assert os.fspath(new) in process.run(["qemu-img", "info", machine])
