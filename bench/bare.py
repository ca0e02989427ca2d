"""The bare project: one machine, no playbook."""

from __future__ import annotations

from bench.host import PROJECTS, Host

BARE = PROJECTS / "bare"
ENVIRONMENT, MACHINE = "bench-bare", "one"


def until_first_command(here: Host, *options: str) -> float:
    """Seconds from `devbox up` to the end of the first SSH command; the machine is gone afterwards."""
    seconds = here.devbox("-C", BARE, "up", "--yes", *options)
    seconds += here.first_command(ENVIRONMENT, MACHINE)
    here.devbox("-C", BARE, "destroy", "--yes")
    return seconds


def make_template(here: Host) -> None:
    """What the first `up` on a host leaves for later ones."""
    here.devbox("-C", BARE, "up", "--yes")
    here.devbox("-C", BARE, "destroy", "--yes")
