"""Where the measurements run: a home of their own, the installed program, the machine that rows share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.row import timed
from devbox.paths import Home

PROJECTS = Path(__file__).parent / "projects"
INTERPRETER = "python -c pass"


class Failed(Exception):
    """A program that a measurement needs did not end with 0."""


@dataclass(frozen=True)
class Host:
    """``home`` keeps images between runs, so that only the row about building builds one twice."""

    home: Home

    def devbox(self, *words: str | Path) -> float:
        """Seconds that the program took."""
        return self.run([Path(sys.executable).with_name("devbox"), *words])

    def run(self, argv: list[str | Path]) -> float:
        def action() -> None:
            done = subprocess.run(
                argv,
                env={**os.environ, "DEVBOX_HOME": str(self.home.root)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                words = " ".join(map(str, argv))
                raise Failed(f"{words}: status {done.returncode}\n{done.stdout}\n{done.stderr}")

        return timed(action)

    def interpreter(self) -> float:
        """The least that any Python program takes here."""
        return self.run([sys.executable, "-c", "pass"])

    @cached_property
    def running(self) -> Path:
        """The project whose machine is up and provisioned; made when the first row asks."""
        project = PROJECTS / "running"
        self.devbox("-C", project, "up", "--yes")
        return project


@contextmanager
def host() -> Iterator[Host]:
    """The host, left as it was found but for the images."""
    folder = os.environ.get("DEVBOX_BENCH_HOME") or Path.home() / ".cache" / "devbox-bench"
    here = Host(Home(Path(folder)))
    try:
        yield here
    finally:
        if here.home.environments.is_dir():
            for project in sorted(PROJECTS.iterdir()):
                here.devbox("-C", project, "destroy", "--yes")
