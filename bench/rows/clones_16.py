"""Sixteen clones at once."""

from __future__ import annotations

from bench import clones
from bench.host import Host
from bench.row import Row


def measure(here: Host) -> Row:
    return clones.row(here, 16)
