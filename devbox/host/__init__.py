"""Facts about the host: accelerator, networks, ports, memory and disk room."""

from __future__ import annotations

from devbox.host.kvm import Accelerator, Kind, accelerator
from devbox.host.network import Route, collisions, lowest_port, routes
from devbox.host.ports import holder
from devbox.host.room import Memory, disk_room, memory

__all__ = [
    "Accelerator",
    "Kind",
    "Memory",
    "Route",
    "accelerator",
    "collisions",
    "disk_room",
    "holder",
    "lowest_port",
    "memory",
    "routes",
]
