"""How long `devbox status` takes with a machine running."""

from __future__ import annotations

from bench.host import INTERPRETER, Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    project = here.running
    return compare(
        "devbox status",
        lambda: here.devbox("-C", project, "status"),
        INTERPRETER,
        here.interpreter,
        runs=7,
        limit=Limit(seconds=0.5),
    )
