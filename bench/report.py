"""The results as a page of the documents: a table between two markers, and a plot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.plot import plot
from bench.results import Results
from bench.row import Row, times

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
_HEAD = (
    "| what | takes | beside | takes | ratio | runs | limit | holds |\n|---|--:|---|--:|--:|--:|---|---|\n"
)


def write(results: Results, docs: Path = DOCS) -> None:
    page = docs / "performance.md"
    rows = in_order(results.rows.values())
    page.write_text(spliced(page.read_text(), measured(results)))
    (docs / "performance.svg").write_text(plot([row for row in rows if row.unit == "s"]))


def in_order(rows: Iterable[Row]) -> list[Row]:
    """What gains most comes first; what is compared with almost nothing comes last."""
    return sorted(rows, key=lambda row: (row.ratio, row.name))


def measured(results: Results) -> str:
    """The generated part of the page."""
    host = ", ".join(f"{name} {value}" for name, value in results.host.items())
    lines = "".join(_line(row) for row in in_order(results.rows.values()))
    return f"Measured on: {host}.\n\n{_HEAD}{lines}"


def spliced(page: str, text: str) -> str:
    """The page with the text between the markers; what a person wrote around them stays."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no '{BEGIN}' with an '{END}' below it")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def _line(row: Row) -> str:
    cells = (
        row.name,
        row.number(row.value),
        row.baseline,
        row.number(row.baseline_value),
        times(row.ratio),
        row.runs if row.runs == row.baseline_runs else f"{row.runs}, {row.baseline_runs}",
        row.limit,
        "yes" if row.holds else "**no**",
    )
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |\n"
