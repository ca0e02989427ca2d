"""Whether this host can run machines, and the command that mends what is in the way."""

from __future__ import annotations

from devbox.doctor.checks import CHECKS, examine
from devbox.doctor.facts import HostFacts
from devbox.doctor.findings import Finding, Level
from devbox.doctor.gather import gather

__all__ = ["CHECKS", "Finding", "HostFacts", "Level", "examine", "gather"]
