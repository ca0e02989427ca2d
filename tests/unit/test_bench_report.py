"""The page and the picture that measurements become."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench.plot import decades, place, plot
from bench.report import BEGIN, END, measured, spliced, write
from bench.results import Results
from bench.row import Limit, Row

ROOT = Path(__file__).resolve().parent.parent.parent
SVG = "{http://www.w3.org/2000/svg}"
WARM = Row("up", 2.03, "GRUB & cloud-init", 52.9, 5, 2, Limit(seconds=2.5, ratio=1 / 15))
STATUS = Row("devbox status", 0.66, "python -c pass", 0.02, 7, 7, Limit(seconds=0.5))
MEMORY = Row("memory of a clone", 98.0, "booted", 310.0, 1, 1, Limit(ratio=1 / 3), unit="MiB")
RESULTS = Results({"processor": "A | B", "cores": "4"}, {"status": STATUS, "memory": MEMORY, "warm_up": WARM})

GOLDEN_PAGE = """\
Measured on: processor A | B, cores 4.

| what | takes | beside | takes | ratio | runs | limit | holds |
|---|--:|---|--:|--:|--:|---|---|
| up | 2.03 s | GRUB & cloud-init | 52.9 s | 1/26.1 | 5, 2 | 2.5 s, 1/15 | yes |
| memory of a clone | 98.0 MiB | booted | 310 MiB | 1/3.16 | 1 | 1/3 | yes |
| devbox status | 0.66 s | python -c pass | 0.02 s | x 33 | 7 | 0.5 s | **no** |
"""

GOLDEN_BARS = """\
<line class="grid" x1="12.0" y1="24" x2="12.0" y2="110"/>
<text class="scale" x="12.0" y="16" text-anchor="start">1 s</text>
<line class="grid" x1="271.0" y1="24" x2="271.0" y2="110"/>
<text class="scale" x="271.0" y="16" text-anchor="middle">10 s</text>
<line class="grid" x1="530.0" y1="24" x2="530.0" y2="110"/>
<text class="scale" x="530.0" y="16" text-anchor="middle">100 s</text>
<text class="scale" x="788" y="16" text-anchor="end">logarithmic scale</text>
<text class="name" x="12" y="54">up</text>
<rect class="measured" x="12" y="60" width="79.6" height="14"/>
<text x="97.6" y="72">2.03 s</text>
<rect class="baseline" x="12" y="77" width="446.4" height="14"/>
<text x="464.4" y="89">52.9 s, GRUB &amp; cloud-init</text>
</svg>
"""


def test_the_table_as_it_is_written() -> None:
    assert measured(RESULTS) == GOLDEN_PAGE


def test_what_a_person_wrote_around_the_markers_stays() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n"
    once = spliced(page, "new\n")
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nmore\n"
    assert spliced(once, "new\n") == once


@pytest.mark.parametrize("page", ["", BEGIN, f"{END}\n{BEGIN}"])
def test_a_page_without_its_markers_is_not_written_over(page: str) -> None:
    with pytest.raises(ValueError, match="measured: begin"):
        spliced(page, "new")


def test_the_page_of_the_documents_has_the_markers_and_gets_both_files(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text((ROOT / "docs" / "performance.md").read_text())
    write(RESULTS, tmp_path)
    assert GOLDEN_PAGE in page.read_text()
    names = ET.parse(tmp_path / "performance.svg").iterfind(f"{SVG}text[@class='name']")  # noqa: S314 - ours
    assert [name.text for name in names] == ["up", "devbox status"], (
        "the one in MiB has no place among seconds"
    )


def test_the_picture_as_it_is_drawn() -> None:
    assert plot([WARM]).partition("</style>\n")[2] == GOLDEN_BARS


def test_the_picture_says_in_words_what_it_shows_and_needs_nothing_else() -> None:
    text = plot([WARM, STATUS])
    root = ET.fromstring(text)  # noqa: S314 - ours
    named = {element.get("id"): element.text for element in root}
    assert root.get("aria-labelledby") == "title told"
    assert named["title"]
    assert named["told"] == (
        "up: 2.03 s, GRUB & cloud-init: 52.9 s; devbox status: 0.66 s, python -c pass: 0.02 s"
    )
    assert not re.search(r"url\(|@font-face|@import|href", text)


def test_nothing_is_drawn_outside_of_the_picture() -> None:
    root = ET.fromstring(plot([WARM, STATUS]))  # noqa: S314 - ours
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for bar in root.iter(f"{SVG}rect"):
        assert float(bar.get("width", "0")) >= 1
        assert float(bar.get("x", "0")) + float(bar.get("width", "0")) <= width
        assert float(bar.get("y", "0")) + float(bar.get("height", "0")) <= height


@pytest.mark.parametrize(
    "values, powers", [([], (0, 1)), ([1.0], (0, 1)), ([0.02, 53.0], (-2, 2)), ([10.0, 100.0], (1, 2))]
)
def test_the_scale_has_whole_powers_of_ten(values: list[float], powers: tuple[int, int]) -> None:
    assert decades(values) == powers


def test_ten_times_as_much_is_always_as_far() -> None:
    steps = [place(10.0**power, -2, 2) for power in range(-2, 3)]
    assert {round(right - left, 6) for left, right in itertools.pairwise(steps)} == {129.5}
