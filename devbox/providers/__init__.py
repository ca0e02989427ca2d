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
    SUSPENDED = "suspended"  # off, its RAM on disk
    CRASHED = "crashed"


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do, as data that the planner reads."""

    name: str
    static_addresses: bool = True
    port_forwards: bool = True
    console: bool = True
    overlays: bool = True
    freezing: bool = False  # machines can be put on disk with their RAM, and cloned from there


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
class Frozen:
    """A machine on disk, running: ``disk`` and RAM fit together, and nothing of it changes any more.

    Where ``memory`` exists it holds the RAM, to be mapped by any number of clones; else ``state``
    has the RAM in it and is read as a whole. ``maker`` tells what it depends on, such as the
    hypervisor's version: only the same can thaw it.
    """

    folder: Path
    maker: str

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def memory(self) -> Path:
        return self.folder / "memory"

    @property
    def state(self) -> Path:
        return self.folder / "state"


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

    def renew(self, shape: Shape) -> None:
        """Put a new disk over the shape's base in the place of the disk of a machine that is off."""

    def start(self, name: str) -> None:
        """Boot it, or let it go on where it was paused or suspended; one that runs is left alone."""

    def maker(self, shape: Shape) -> str:
        """A digest of what a frozen machine of this shape depends on, besides its disk."""

    def pause(self, name: str) -> None:
        """Stop its processors; one that is paused is left alone."""

    def resume(self, name: str) -> None:
        """Let the processors of a paused machine go on."""

    def freeze(self, name: str, frozen: Frozen, *, clones: bool = True) -> None:
        """Write RAM and devices of a paused machine into the folder and switch it off.

        Its disk stays where it is, for the caller to keep. ``clones`` says that it is worth some
        time now to have clones start quickly later.
        """

    def thaw(self, name: str, frozen: Frozen) -> None:
        """Start it from a frozen machine instead of booting it; it is left paused.

        Raises DevboxError when that can't be done here; the machine is off then.
        """

    def suspend(self, name: str) -> None:
        """Switch a running machine off with its RAM on disk; ``start`` lets it go on from there."""

    def line(self, name: str) -> Path:
        """The socket of a running machine's line to its agent (``devbox.guest.agent``)."""

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
