"""Who owns machines: the interface that libvirt, Vagrant, OpenStack and the fake fulfil."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Protocol

from devbox.units import Size


class Power(StrEnum):
    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do, as data that the planner reads."""

    name: str
    static_addresses: bool = True
    port_forwards: bool = True
    console: bool = True
    overlays: bool = True


@dataclass(frozen=True)
class Mark:
    """What devbox writes on a machine since before it is usable, and reads back as the truth.

    ``spec`` is the canonical JSON of the machine resource that was asked for; ``made`` turns true
    when the machine was seen ready for the first time: one that is not made is half-made and gets
    replaced. ``provisioned`` is the digest of the playbooks and variables that were last applied
    without a failure, empty before.
    """

    environment: str
    machine: str
    origin: str
    spec: str
    made: bool = False
    provisioned: str = ""

    @property
    def domain(self) -> str:
        """The one name of this machine everywhere: libvirt domain, ssh host alias."""
        return domain_name(self.environment, self.machine)

    def but(
        self, *, made: bool | None = None, provisioned: str | None = None, spec: str | None = None
    ) -> Mark:
        return replace(
            self,
            made=self.made if made is None else made,
            provisioned=self.provisioned if provisioned is None else provisioned,
            spec=self.spec if spec is None else spec,
        )


def domain_name(environment: str, machine: str) -> str:
    return f"{machine}.{environment}.devbox"


@dataclass(frozen=True)
class Forward:
    """A TCP port of the machine that the host reaches at ``address:host``."""

    address: IPv4Address
    host: int
    guest: int


@dataclass(frozen=True)
class Segment:
    """The private network between the machines of one environment."""

    cidr: IPv4Network
    group: IPv4Address  # the multicast group on the host's loopback that carries its frames
    port: int


@dataclass(frozen=True)
class Shape:
    """All that a provider needs to make a machine; paths are absolute, sizes in bytes."""

    mark: Mark
    cpus: int
    memory: Size
    disk: Path
    disk_size: Size
    base: Path  # the image's disk, qcow2
    kernel: Path
    initrd: Path
    cmdline: str
    cpu_model: str  # under emulation; with hardware help the host's own
    identity: Path  # an archive that the guest unpacks at boot
    console: Path  # where the serial console is kept
    ip: IPv4Address
    uplink_mac: str
    segment_mac: str
    uplink: IPv4Network  # the user-mode network of the way out; not the environment's
    segment: Segment
    forwards: tuple[Forward, ...] = field(default=())


@dataclass(frozen=True)
class Owned:
    """A machine that carries our mark, as the provider sees it now."""

    mark: Mark
    power: Power
    forwards: tuple[Forward, ...] = ()
    accelerator: str = ""


class Provider(Protocol):
    """Owns machines. Every name is a ``domain_name``; a missing one raises DevboxError."""

    @property
    def capabilities(self) -> Capabilities: ...

    def machines(self) -> list[Owned]:
        """All machines with our mark, of every environment."""

    def create(self, shape: Shape) -> None:
        """Record the machine with its mark first, then make its disk; it is left stopped.

        Creating one that exists brings its definition to this shape and keeps its disk.
        """

    def start(self, name: str) -> None:
        """Start it; one that runs already is left alone."""

    def shutdown(self, name: str, timeout: float) -> None:
        """Ask the guest to power off and wait; pull the plug after ``timeout`` seconds."""

    def kill(self, name: str) -> None:
        """Pull the plug; one that is stopped is left alone."""

    def delete(self, name: str) -> None:
        """Pull the plug, remove its disk and every file the provider made, then the record.

        Deleting what is gone does nothing.
        """

    def remark(self, mark: Mark) -> None:
        """Write a changed mark on an existing machine."""

    def last_words(self, name: str) -> str:
        """Why it is not running, in the hypervisor's own words; empty if unknown."""

    def console_command(self, name: str) -> list[str]:
        """The program that joins the terminal to the machine's serial console."""

    def close(self) -> None:
        """Let go of what the provider holds; a daemon of our own ends when it owns no machine."""
