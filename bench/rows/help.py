"""How long `devbox --help` takes."""

from __future__ import annotations

from bench.host import INTERPRETER, Host
from bench.row import Limit, Row, compare


def measure(here: Host) -> Row:
    return compare(
        "devbox --help",
        lambda: here.devbox("--help"),
        INTERPRETER,
        here.interpreter,
        runs=9,
        limit=Limit(seconds=0.25),
    )
