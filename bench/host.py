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
GLANCE = Path(__file__).parent.parent / "examples" / "glance-dev"
INTERPRETER = "python -c pass"


class Failed(Exception):
    """Something that a measurement needs did not work."""


@dataclass(frozen=True)
class Host:
    """``home`` keeps images, layers, templates and checkpoints between runs: only what is about making
    one makes it twice.
    """

    home: Home

    def devbox(self, *words: str | Path) -> float:
        """Seconds that the program took."""
        return self.run(_devbox(words))

    def devbox_says(self, *words: str | Path) -> str:
        """What the program wrote to standard output."""
        return self._ended(_devbox(words)).stdout

    def first_command(self, environment: str, machine: str) -> float:
        """Seconds that plain OpenSSH takes for `true` in a machine that is up."""
        config = self.home.environment(environment).ssh_config
        return self.run(["ssh", "-F", config, f"{machine}.{environment}.devbox", "true"])

    def run(self, argv: list[str | Path]) -> float:
        return timed(lambda: self._ended(argv))

    def interpreter(self) -> float:
        """The least that any Python program takes here."""
        return self.run([sys.executable, "-c", "pass"])

    @cached_property
    def running(self) -> Path:
        """The project whose machine is up and provisioned; made when the first row asks."""
        project = PROJECTS / "running"
        self.devbox("-C", project, "up", "--yes")
        return project

    def _environment(self) -> dict[str, str]:
        """As users have it: Python keeps what it compiled, whatever the shell of whoever measures says."""
        mine = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**mine, "DEVBOX_HOME": str(self.home.root)}

    def _ended(self, argv: list[str | Path]) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            words = " ".join(map(str, argv))
            raise Failed(f"{words}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done


def _devbox(words: tuple[str | Path, ...]) -> list[str | Path]:
    return [Path(sys.executable).with_name("devbox"), *words]


@contextmanager
def host() -> Iterator[Host]:
    """The host, left as it was found but for what is kept in the home's store."""
    folder = os.environ.get("DEVBOX_BENCH_HOME") or Path.home() / ".cache" / "devbox-bench"
    here = Host(Home(Path(folder)))
    try:
        yield here
    finally:
        if here.home.environments.is_dir():
            for project in [*sorted(PROJECTS.iterdir()), GLANCE]:
                here.devbox("-C", project, "destroy", "--yes")
