"""A bare machine cloned, to its first SSH command, beside the same image booted as most tools do."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.bare import make_template, until_first_command
from bench.host import Host
from bench.row import Limit, Row, compare, timed
from bench.stock import stock_boot


def measure(here: Host) -> Row:
    make_template(here)
    with tempfile.TemporaryDirectory(prefix="devbox-bench-") as folder:
        stock = stock_boot(here, Path(folder))

        def booted() -> float:
            with stock.running():
                return timed(stock.first_command)

        return compare(
            "up of a bare machine to its first command",
            lambda: until_first_command(here),
            "firmware, GRUB, cloud-init",
            booted,
            runs=5,
            baseline_runs=2,
            limit=Limit(seconds=2.5, ratio=1 / 15),
        )
