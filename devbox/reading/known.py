"""What this host and this project have, which a devbox.yml may ask for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from devbox.box import Box
from devbox.units import Size


@dataclass(frozen=True)
class HostLimits:
    """What this host has to give: memory in bytes, CPUs, whether ports below 1024 may be opened."""

    memory: Size
    cpus: int
    low_ports_allowed: bool


@dataclass(frozen=True)
class Known:
    """What names and numbers in devbox.yml may refer to."""

    boxes: Mapping[str, Box]
    playbooks: Collection[str]
    limits: HostLimits
    broken_boxes: Collection[str] = ()  # there, but with mistakes that are reported anyway
    workarounds: Collection[str] | None = None  # None: any
