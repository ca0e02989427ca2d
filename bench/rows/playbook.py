"""A playbook of ten tasks: Mitogen's strategy beside plain pipelined SSH."""

from __future__ import annotations

from bench.host import Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    project = here.running

    def provision(strategy: str) -> float:
        return here.devbox("-C", project, "provision", "--strategy", strategy)

    return compare(
        "ten tasks, Mitogen",
        lambda: provision("mitogen_linear"),
        "ten tasks, pipelined SSH",
        lambda: provision("linear"),
        runs=3,
        limit=Limit(ratio=1 / 3),
    )
