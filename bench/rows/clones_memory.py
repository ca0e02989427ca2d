"""How much of the host's memory a clone among sixteen takes, beside a machine that booted alone."""

from __future__ import annotations

import time
from dataclasses import replace

from bench import clones
from bench.host import Host
from bench.row import Limit, Row, compare

_CLONES = 16
_SETTLED = 20.0  # seconds


def measure(here: Host) -> Row:
    clones.make_template(here)

    def settled(count: int, *options: str) -> float:
        with clones.up(here, count, *options):
            time.sleep(_SETTLED)
            return clones.resident(here, count)

    row = compare(
        f"memory of one of {_CLONES} clones",
        lambda: settled(_CLONES),
        "of one machine, booted",
        lambda: settled(1, "--cold"),
        runs=1,
        limit=Limit(ratio=1 / 3),
    )
    return replace(row, unit="MiB")
