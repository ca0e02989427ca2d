"""What was measured, as build/bench.json keeps it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.row import Row

FILE = Path("build") / "bench.json"


@dataclass(frozen=True)
class Results:
    """``host`` is what bench.facts tells; ``rows`` are by the names of their files."""

    host: Mapping[str, str]
    rows: Mapping[str, Row]

    def after(self, earlier: Results | None, asked: Collection[str]) -> Results:
        """With the rows of an earlier run on an equal host that were not asked for again."""
        if earlier is None or earlier.host != self.host:
            return self
        kept = {name: row for name, row in earlier.rows.items() if name not in asked}
        return Results(self.host, kept | dict(self.rows))


def to_text(results: Results) -> str:
    rows = [{"row": name, **row.as_json()} for name, row in sorted(results.rows.items())]
    return json.dumps({"host": dict(results.host), "rows": rows}, indent=2) + "\n"


def from_text(text: str) -> Results:
    written = json.loads(text)
    return Results(written["host"], {row["row"]: Row.from_json(row) for row in written["rows"]})


def read(file: Path = FILE) -> Results | None:
    """None where nothing was measured, or by another version of this program."""
    try:
        return from_text(file.read_text())
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None


def write(results: Results, file: Path = FILE) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(to_text(results))
