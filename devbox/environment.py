"""What the user wrote in devbox.yml, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from devbox.units import Size


class Where(StrEnum):
    """Where playbooks are baked."""

    HOST = "host"
    GUEST = "guest"


@dataclass(frozen=True)
class Port:
    """A port of the machine that the host reaches on the machine's loopback address."""

    host: int
    guest: int


@dataclass(frozen=True)
class MachineSpec:
    name: str
    box: str
    ip: IPv4Address
    cpus: int
    memory: Size
    disk: Size
    bake: tuple[str, ...] = ()
    provision: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()


@dataclass(frozen=True)
class Environment:
    name: str
    file: Path  # absolute; its folder is the project
    cidr: IPv4Network
    machines: tuple[MachineSpec, ...]
    vars: dict[str, Any] = field(default_factory=dict)
    skipped_workarounds: tuple[str, ...] = ()
    bake_in: Where | None = None  # None lets devbox choose

    @property
    def project(self) -> Path:
        return self.file.parent

    def machine(self, name: str) -> MachineSpec | None:
        return next((machine for machine in self.machines if machine.name == name), None)
