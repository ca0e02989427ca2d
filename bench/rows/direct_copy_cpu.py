"""What a direct copy costs the processors, beside reading through HTTP."""

from __future__ import annotations

from bench.copies import copies
from bench.host import Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    with copies(here) as both:
        return compare(
            "processor time of a direct copy of 2 GiB",
            lambda: both.cpu_seconds(both.direct),
            "through HTTP, both ends",
            lambda: both.cpu_seconds(both.through_http),
            runs=3,
            limit=Limit(ratio=0.7),
        )
