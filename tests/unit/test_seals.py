"""Damage in the store is found and named."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox import seals
from devbox.seals import Damaged

MIB = 1 << 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stored = tmp_path / "stored"
    (stored / "api").mkdir(parents=True)
    (stored / "disk.qcow2").write_bytes(b"disk" * 1000)
    (stored / "api" / "memory").write_bytes(b"memory" * 1000)
    (stored / "manifest.json").write_text("{}")
    seals.seal(stored)
    return stored


def flip(file: Path, at: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ 1]))


def later(file: Path) -> None:
    """Give the file another time, and leave what it holds."""
    found = file.stat()
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


def sealed(folder: Path) -> dict[str, dict[str, object]]:
    files: dict[str, dict[str, object]] = json.loads((folder / "seal.json").read_text())["files"]
    return files


def test_what_nobody_touched_is_whole(folder: Path) -> None:
    seals.check(folder)
    seals.verify(folder)
    assert sorted(sealed(folder)) == ["api/memory", "disk.qcow2", "manifest.json"]


CONTENTS = st.lists(st.binary(min_size=1, max_size=3000), min_size=1, max_size=4)


@settings(max_examples=40, deadline=None)
@given(contents=CONTENTS, gap=st.integers(0, 2 * MIB), data=st.data())
def test_any_flipped_byte_is_found_and_named(contents: list[bytes], gap: int, data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, content in enumerate(contents):
            with (folder / f"file{number}").open("wb") as opened:
                opened.seek(gap * number)
                opened.write(content)
        seals.seal(folder)
        victim = folder / f"file{data.draw(st.integers(0, len(contents) - 1))}"
        flip(victim, data.draw(st.integers(0, victim.stat().st_size - 1)))
        for look in (seals.check, seals.verify):
            with pytest.raises(Damaged) as damaged:
                look(folder)
            assert damaged.value.path == victim
            assert str(victim) in damaged.value.message


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(0, 5 * MIB),
    islands=st.lists(st.tuples(st.integers(0, 5 * MIB), st.binary(min_size=1, max_size=9000)), max_size=5),
)
def test_holes_and_zeros_are_the_same(size: int, islands: list[tuple[int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        sparse, full = Path(name, "sparse"), Path(name, "full")
        sparse.touch()
        os.truncate(sparse, size)
        full.write_bytes(bytes(size))
        for file in (sparse, full):
            with file.open("r+b") as opened:
                for offset, content in islands:
                    opened.seek(offset)
                    opened.write(content)
        assert sparse.read_bytes() == full.read_bytes()
        assert seals.digest(sparse) == seals.digest(full)


def test_the_place_of_data_and_the_length_count(tmp_path: Path) -> None:
    contents = [
        b"",
        bytes(1),
        bytes(MIB),
        bytes(2 * MIB),
        b"x" + bytes(2 * MIB),
        bytes(MIB) + b"x" + bytes(MIB),
    ]
    digests = set()
    for number, content in enumerate(contents):
        file = tmp_path / str(number)
        file.write_bytes(content)
        digests.add(seals.digest(file))
    assert len(digests) == len(contents)


def test_damage_is_told_with_both_digests_and_the_way_out(folder: Path) -> None:
    disk = folder / "disk.qcow2"
    should = seals.digest(disk)
    flip(disk, 17)
    with pytest.raises(Damaged) as damaged:
        seals.check(folder)
    assert should in damaged.value.details
    assert seals.digest(disk) in damaged.value.details
    assert "devbox gc --damaged" in damaged.value.advice


def test_only_verifying_finds_what_left_the_stamp_alone(folder: Path) -> None:
    disk = folder / "disk.qcow2"
    before = disk.stat()
    flip(disk, 0)
    os.utime(disk, ns=(before.st_atime_ns, before.st_mtime_ns))
    seals.check(folder)
    with pytest.raises(Damaged, match=r"disk\.qcow2' is damaged"):
        seals.verify(folder)


def test_a_file_that_was_only_touched_gets_a_new_stamp(folder: Path) -> None:
    before = sealed(folder)
    later(folder / "disk.qcow2")
    seals.check(folder)
    after = sealed(folder)
    assert after["disk.qcow2"]["stamp"] != before["disk.qcow2"]["stamp"]
    assert after["disk.qcow2"]["sha256"] == before["disk.qcow2"]["sha256"]
    assert after["api/memory"] == before["api/memory"]


def test_sealing_and_looking_do_not_count_as_use(folder: Path) -> None:
    os.utime(folder, (1000, 1000))
    later(folder / "disk.qcow2")
    seals.check(folder)
    seals.seal(folder)
    assert folder.stat().st_mtime == 1000
    assert sorted(path.name for path in folder.iterdir()) == [
        "api",
        "disk.qcow2",
        "manifest.json",
        "seal.json",
    ]


@pytest.mark.parametrize("look", [seals.check, seals.verify])
def test_a_file_that_is_gone_is_named(folder: Path, look: object) -> None:
    (folder / "api" / "memory").unlink()
    assert callable(look)
    with pytest.raises(Damaged, match=r"api/memory' is gone"):
        look(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {"a": 1}}', '{"files": {"a": {"bytes": 1}}}'])
def test_a_seal_that_is_damaged_itself_is_named(folder: Path, text: str) -> None:
    (folder / "seal.json").write_text(text)
    with pytest.raises(Damaged, match=r"seal\.json' is damaged"):
        seals.check(folder)


def test_what_was_never_sealed_can_be_adopted(folder: Path) -> None:
    (folder / "seal.json").unlink()
    with pytest.raises(Damaged, match="was never sealed") as damaged:
        seals.check(folder)
    assert damaged.value.path == folder
    seals.check(folder, adopt=True)
    flip(folder / "disk.qcow2", 0)
    with pytest.raises(Damaged, match="is damaged"):
        seals.check(folder, adopt=True)


def test_files_that_may_only_be_read_can_be_sealed(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o400)
    seals.seal(folder)
    later(folder / "disk.qcow2")
    seals.check(folder)
