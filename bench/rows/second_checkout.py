"""`devbox up` in another checkout of a project that was up before: no task of a playbook runs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bench.glance import NAME, wait_for_api
from bench.host import GLANCE, INTERPRETER, Failed, Host
from bench.provisioned import tasks
from bench.row import Limit, Row, compare, timed


def measure(here: Host) -> Row:
    here.devbox("-C", GLANCE, "up", "--yes")
    here.devbox("-C", GLANCE, "destroy", "--yes")
    return compare(
        "up of Glance in a second checkout",
        lambda: _up_elsewhere(here),
        INTERPRETER,
        here.interpreter,
        runs=3,
        limit=Limit(seconds=4),
    )


def _up_elsewhere(here: Host) -> float:
    with tempfile.TemporaryDirectory(prefix="devbox-bench-") as folder:
        project = Path(shutil.copytree(GLANCE, Path(folder) / NAME))
        events = Path(folder) / "events.jsonl"
        try:
            seconds = here.devbox("-C", project, "--events", events, "up", "--yes") + timed(wait_for_api)
        finally:
            here.devbox("destroy", "--name", NAME, "--yes")
        if run := tasks(events.read_text()):
            raise Failed(f"playbooks ran: {', '.join(run)}")
        return seconds
