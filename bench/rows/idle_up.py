"""How long `devbox up` takes when there is nothing to do."""

from __future__ import annotations

from bench.host import INTERPRETER, Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    project = here.running
    return compare(
        "devbox up, nothing to do",
        lambda: here.devbox("-C", project, "up", "--yes"),
        INTERPRETER,
        here.interpreter,
        runs=7,
        limit=Limit(seconds=1.0),
    )
