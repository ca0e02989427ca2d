"""The recipe of a base image: boxes/NAME.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devbox.units import Size


@dataclass(frozen=True)
class Box:
    name: str
    file: Path
    summary: str
    family: str
    release: str
    architecture: str
    packages: tuple[str, ...]
    disk: Size  # the image's own size; a machine's disk is at least that
    cpu: str  # QEMU's name of the CPU under emulation
    min_memory: Size
