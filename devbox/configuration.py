"""What a user decides for all projects: where images may come from, and how much is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devbox.units import Size

LARGEST = Size(32 << 30)


@dataclass(frozen=True)
class Mount:
    """A file system that an image service sees too; ``id`` is its name on both sides."""

    id: str
    mountpoint: Path


@dataclass(frozen=True)
class FetchSettings:
    """``mirrors`` maps the beginning of URLs to those that are tried before them.

    An empty ``allowed_schemes`` allows all that there are. ``patience`` is in seconds: a server
    that sends next to nothing for so long has stalled.
    """

    allowed_schemes: tuple[str, ...] = ()
    mirrors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    largest: Size = LARGEST
    patience: int = 60


@dataclass(frozen=True)
class Configuration:
    fetch: FetchSettings = FetchSettings()
