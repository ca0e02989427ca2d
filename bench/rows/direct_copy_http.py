"""A direct copy of an image that is on the same file system, beside reading it through HTTP."""

from __future__ import annotations

from bench.copies import copies
from bench.host import Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    with copies(here) as both:
        return compare(
            "direct copy of 2 GiB again",
            lambda: both.seconds(both.direct),
            "HTTP from the same host",
            lambda: both.seconds(both.through_http),
            runs=3,
            limit=Limit(ratio=1),
        )
