"""Measures the rows that are asked for, or all; prints a table and writes build/bench.json."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import rows
from bench.host import Failed, Host, host
from bench.row import Row

RESULTS = Path("build") / "bench.json"


def table(measured: list[Row]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for heading in ("row", "seconds", "baseline", "seconds", "ratio", "limit", "runs", "holds"):
        shown.add_column(heading, justify="left" if heading in {"row", "baseline", "holds"} else "right")
    for row in measured:
        numbers = f"{row.seconds:.2f}", f"{row.baseline_seconds:.2f}", f"{row.ratio:.2f}"
        holds = "yes" if row.holds else "[bold red]no[/]"
        shown.add_row(row.name, numbers[0], row.baseline, *numbers[1:], str(row.limit), str(row.runs), holds)
    return shown


def measure(name: str, here: Host, console: Console) -> Row | None:
    console.print(f"measuring {name} …", style="dim")
    try:
        measured: Row = importlib.import_module(f"bench.rows.{name}").measure(here)
    except Failed as failure:
        console.print(f"'{name}' could not be measured: {failure}", markup=False, style="red")
        return None
    return measured


def main() -> int:
    names = sorted(found.name for found in pkgutil.iter_modules(rows.__path__))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(names)}; default all")
    chosen = parser.parse_args().rows or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    console = Console(stderr=True)
    with host() as here:
        measured = [row for name in chosen if (row := measure(name, here, console))]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([row.as_json() for row in measured], indent=2) + "\n")
    Console().print(table(measured))
    return 0 if len(measured) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
