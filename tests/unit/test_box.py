"""Boxes: what a file says, which folder wins, and that those that came with devbox are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from bad.table import HERE

from devbox.box import Box
from devbox.errors import BadInput
from devbox.paths import shipped
from devbox.reading.boxes import load_box, load_boxes, read_boxes
from devbox.units import Size

SMALL = (HERE / "small.yml").read_text()


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "small.yml").write_text(SMALL)
    assert load_box(tmp_path / "small.yml") == Box(
        name="small",
        file=tmp_path / "small.yml",
        summary="A small system for tests",
        family="debian",
        release="bookworm",
        architecture="amd64",
        packages=("curl", "less"),
        disk=Size.parse("4GiB"),
        cpu="Nehalem",
        min_memory=Size.parse("512MiB"),
    )


def test_an_earlier_folder_stands_before_a_later_one(tmp_path: Path) -> None:
    for folder, summary in (("own", "Ours"), ("theirs", "Theirs")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "small.yml").write_text(SMALL.replace("A small system for tests", summary))
    (tmp_path / "theirs" / "other.yml").write_text(SMALL)
    boxes = load_boxes([tmp_path / "missing", tmp_path / "own", tmp_path / "theirs"])
    assert {name: box.summary for name, box in boxes.items()} == {
        "small": "Ours",
        "other": "A small system for tests",
    }


def test_a_broken_box_hides_the_later_one_of_its_name(tmp_path: Path) -> None:
    for folder, text in (("own", "summary: 1\n"), ("theirs", SMALL)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "small.yml").write_text(text)
    boxes = read_boxes([tmp_path / "own", tmp_path / "theirs"])
    assert (list(boxes.found), list(boxes.broken)) == ([], ["small"])
    assert len(boxes.mistakes) == 3


def test_all_files_are_judged_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("- x\n")
    (tmp_path / "b.yml").write_text(SMALL + "extra: 1\n")
    (tmp_path / "README.md").write_text("not a box")
    with pytest.raises(BadInput) as raised:
        load_boxes([tmp_path])
    assert [mistake.file.name for mistake in raised.value.mistakes] == ["a.yml", "b.yml"]


def test_the_boxes_that_came_with_devbox_are_right() -> None:
    boxes = load_boxes([shipped("boxes")])
    assert {"debian-12", "debian-13"} <= set(boxes)
