"""How much memory and disk this host has left."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from devbox.units import Size

_LINE = re.compile(r"^(?P<name>\w+): +(?P<kib>[0-9]+) kB$", re.MULTILINE)
_CGROUP = Path("/sys/fs/cgroup")  # a container sees its own group here


@dataclass(frozen=True)
class Memory:
    total: Size
    free: Size  # what could be had without swapping


def memory() -> Memory:
    """The host's memory, or what the container that we are in may have of it."""
    host = parse_meminfo(Path("/proc/meminfo").read_text())
    limit, used = _number(_CGROUP / "memory.max"), _number(_CGROUP / "memory.current")
    if limit is None or used is None or limit >= host.total:
        return host
    return Memory(Size(limit), Size(min(host.free, max(limit - used, 0))))


def parse_meminfo(text: str) -> Memory:
    fields = {match["name"]: int(match["kib"]) * 1024 for match in _LINE.finditer(text)}
    return Memory(Size(fields["MemTotal"]), Size(fields["MemAvailable"]))


def disk_room(path: Path) -> Size:
    """What this user can still write to the file system where ``path`` is or would be."""
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    numbers = os.statvfs(there)
    return Size(numbers.f_bavail * numbers.f_frsize)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
