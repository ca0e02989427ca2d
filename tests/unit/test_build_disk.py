"""The disk's layout and the boot code, byte by byte."""

from __future__ import annotations

import itertools
import os
import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.disk import ROOT_DEVICE, SECTOR, Layout
from devbox.build.grub import boot_sector, core_image
from devbox.units import Size

LAYOUT = Layout(Size(4 << 30), "k" * 64)
sizes = st.integers(1 << 28, 1 << 42).map(Size)


@given(sizes)
def test_partitions_follow_each_other_within_the_disk(size: Size) -> None:
    layout = Layout(size, "key")
    parts = [layout.bios, layout.efi, layout.root]
    for before, after in itertools.pairwise(parts):
        assert before.start + before.size == after.start
    end = (layout.root.start + layout.root.size) * SECTOR
    assert end <= size - 34 * SECTOR  # the backup of the table
    assert end > size - 34 * SECTOR - 4096
    assert layout.root_offset == layout.root.start * SECTOR
    assert layout.root_blocks * 4096 == layout.root.size * SECTOR


def test_all_partitions_begin_on_a_mebibyte() -> None:
    assert [part.start % 2048 for part in (LAYOUT.bios, LAYOUT.efi, LAYOUT.root)] == [0, 0, 0]


def test_the_root_is_the_third_and_the_last() -> None:
    lines = [line for line in LAYOUT.script().splitlines() if line.startswith("start=")]
    assert len(lines) == int(ROOT_DEVICE[-1])
    assert lines[-1].endswith("name=root")


def test_the_table_is_the_same_for_the_same_key_only() -> None:
    other = Layout(LAYOUT.size, "x" * 64)
    assert LAYOUT.script() == Layout(LAYOUT.size, LAYOUT.key).script()
    assert LAYOUT.script() != other.script()
    identifiers = re.findall(r"(?:uuid=|label-id: )([0-9a-f-]{36})", LAYOUT.script())
    assert len(set(identifiers)) == 4


def test_the_file_system_can_be_read_by_old_boot_loaders() -> None:
    options = LAYOUT.file_system()
    assert options[options.index("-O") + 1] == "^metadata_csum_seed,^orphan_file"
    assert options[options.index("-U") + 1] not in LAYOUT.script()


@pytest.mark.integration
def test_the_file_system_fills_its_partition(tmp_path: Path) -> None:
    disk = tmp_path / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(LAYOUT.size)
    make = ["mke2fs", "-q", "-F", "-t", "ext4", *LAYOUT.file_system()]
    make += ["-E", f"offset={LAYOUT.root_offset}", str(disk), str(LAYOUT.root_blocks)]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    subprocess.run(make, check=True, env={"PATH": path})
    with disk.open("rb") as file:
        file.seek(LAYOUT.root_offset + 1024)  # the superblock's place, ext4(5)
        inodes, blocks = struct.unpack("<II", file.read(8))
    assert inodes > 0
    assert blocks * 4096 == LAYOUT.root_size


def test_boot_code_leaves_room_for_the_table_and_knows_its_core() -> None:
    code = boot_sector(bytes(range(256)) * 2, 2048)
    assert len(code) == 440
    assert struct.unpack_from("<Q", code, 0x5C) == (2048,)
    assert code[:0x5C] == bytes(range(0x5C))


@pytest.mark.parametrize("sector", [2048, 1 << 33])
def test_the_core_loads_the_sectors_after_its_first(sector: int) -> None:
    core = bytes(500) + struct.pack("<QHH", 1, 77, 0x820) + b"rest"
    placed = core_image(core, sector)
    assert struct.unpack_from("<QHH", placed, 500) == (sector + 1, 77, 0x820)
    assert placed[512:] == b"rest"
    assert placed[:500] == core[:500]
