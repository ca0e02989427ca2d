"""A bare machine from nothing to its first SSH command, beside the same image booted by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.bare import BARE, ENVIRONMENT, MACHINE
from bench.by_hand import Boot, boot_of
from bench.host import Host
from bench.row import Limit, Row, compare, timed


def measure(here: Host) -> Row:
    here.devbox("build", "debian-12")
    with tempfile.TemporaryDirectory(prefix="devbox-bench-") as folder:
        same: list[Boot] = []

        def up() -> float:
            seconds = here.devbox("-C", BARE, "up", "--yes", "--cold")
            same[:] = [boot_of(here.home, ENVIRONMENT, MACHINE, Path(folder))]
            here.devbox("-C", BARE, "destroy", "--yes")
            return seconds

        def by_hand() -> float:
            with same[0].running():
                return timed(same[0].first_command)

        return compare(
            "cold up of a bare machine", up, "booted by hand", by_hand, runs=3, limit=Limit(ratio=1.3)
        )
