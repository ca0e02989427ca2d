"""Measures the rows that are asked for, or all; prints a table and writes build/bench.json."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from bench import report, results, rows
from bench.facts import facts
from bench.host import Failed, Host, host
from bench.results import Results
from bench.row import Row, times
from devbox.errors import DevboxError

_HEADINGS = ("row", "takes", "baseline", "takes", "ratio", "limit", "runs", "holds")


def table(measured: Iterable[Row]) -> Table:
    shown = Table(box=None, pad_edge=False)
    for heading in _HEADINGS:
        shown.add_column(heading, justify="left" if heading in {"row", "baseline", "holds"} else "right")
    for row in measured:
        numbers = row.number(row.value), row.baseline, row.number(row.baseline_value), times(row.ratio)
        holds = "yes" if row.holds else "[bold red]no[/]"
        shown.add_row(row.name, *numbers, str(row.limit), f"{row.runs}, {row.baseline_runs}", holds)
    return shown


def measure(name: str, here: Host, console: Console) -> Row | None:
    console.print(f"measuring {name} …", style="dim")
    try:
        measured: Row = importlib.import_module(f"bench.rows.{name}").measure(here)
    except (Failed, DevboxError, OSError, subprocess.SubprocessError) as failure:
        console.print(f"'{name}' could not be measured: {failure}", markup=False, style="red")
        return None
    return measured


def main() -> int:
    names = sorted(found.name for found in pkgutil.iter_modules(rows.__path__))
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {', '.join(names)}; default all")
    parser.add_argument(
        "--report",
        action="store_true",
        help="measure nothing; write docs/performance.* from what was measured",
    )
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(names):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if asked.report:
        return write_report()
    chosen = asked.rows or names
    console = Console(stderr=True)
    measured: dict[str, Row] = {}
    with host() as here:
        told, earlier = facts(here.home), results.read()
        for name in chosen:
            if row := measure(name, here, console):
                measured[name] = row
            results.write(Results(told, measured).after(earlier, chosen))  # all takes long: lose nothing
    Console().print(table(measured.values()))
    return 0 if len(measured) == len(set(chosen)) else 1


def write_report() -> int:
    found = results.read()
    if found is None:
        print(f"There is nothing to report in {results.FILE}: measure first.", file=sys.stderr)
        return 1
    report.write(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
