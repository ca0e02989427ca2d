"""A bare machine cloned, to its first SSH command, beside one that devbox boots."""

from __future__ import annotations

from bench.bare import make_template, until_first_command
from bench.host import Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    make_template(here)
    return compare(
        "up of a bare machine, cloned",
        lambda: until_first_command(here),
        "up --cold",
        lambda: until_first_command(here, "--cold"),
        runs=5,
        baseline_runs=2,
        limit=Limit(ratio=1 / 6),
    )
