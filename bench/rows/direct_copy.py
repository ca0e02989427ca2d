"""A direct copy of an image that is on the same file system, beside `cp`."""

from __future__ import annotations

from bench.copies import copies
from bench.host import Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    with copies(here) as both:
        return compare(
            "direct copy of 2 GiB",
            lambda: both.seconds(both.direct),
            "cp",
            lambda: both.seconds(both.by_cp),
            runs=3,
            limit=Limit(ratio=1.2),
        )
