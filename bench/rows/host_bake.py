"""Baking Glance's packages on the host, beside the same playbook in a machine."""

from __future__ import annotations

import sys

from bench.host import PROJECTS, Host
from bench.row import Limit, Row, compare
from devbox.environment import Where


def measure(here: Host) -> Row:
    here.devbox("build", "debian-12")

    def bake(way: Where) -> float:
        return here.run([sys.executable, "-m", "bench.bake", PROJECTS / "packages", way])

    return compare(
        "bake of Glance's packages, on the host",
        lambda: bake(Where.HOST),
        "in a machine",
        lambda: bake(Where.GUEST),
        runs=3,
        baseline_runs=1,
        limit=Limit(ratio=1 / 5),
    )
