"""`devbox reset` of a running Glance until its API answers, beside the boot of a bare machine."""

from __future__ import annotations

from bench.bare import until_first_command
from bench.glance import MACHINE, wait_for_api
from bench.host import GLANCE, Failed, Host
from bench.row import Limit, Row, compare, timed

_STARTED = ("systemctl", "show", "-P", "ExecMainStartTimestamp", "glance-api")


def measure(here: Host) -> Row:
    here.devbox("-C", GLANCE, "up", "--yes")
    before = _started(here)

    def reset() -> float:
        seconds = here.devbox("-C", GLANCE, "reset") + timed(wait_for_api)
        if (after := _started(here)) != before:
            raise Failed(f"Glance was started again by 'devbox reset': at {after}, before at {before}")
        return seconds

    return compare(
        "reset until Glance answers",
        reset,
        "up --cold of a bare machine",
        lambda: until_first_command(here, "--cold"),
        runs=5,
        baseline_runs=2,
        limit=Limit(seconds=2.5, ratio=1 / 4),
    )


def _started(here: Host) -> str:
    """When the process of the API was started, as the machine says."""
    said = here.devbox_says("-C", GLANCE, "exec", MACHINE, "--", *_STARTED).strip()
    if not said:
        raise Failed("the machine does not know when Glance was started")
    return said
