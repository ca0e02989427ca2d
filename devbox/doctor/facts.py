"""What doctor knows of a host when it judges: gathered once, then only values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from devbox.doctor.packages import Family
from devbox.guest.trust import Authorities
from devbox.host import Accelerator, Memory
from devbox.units import Size


@dataclass(frozen=True)
class SshConfig:
    """The user's ``~/.ssh/config``."""

    file: Path
    include: str  # the line that leads to devbox's machines
    text: str = ""  # empty where there is no such file
    version: str = ""  # what `ssh -V` says


@dataclass(frozen=True)
class Rootless:
    """Whether an ordinary user may make user namespaces with many users in them."""

    namespaces: bool = True
    why: str = ""  # the failure's own words
    apparmor: bool = False  # Ubuntu's switch that forbids them is on
    subuids: int = 65536


@dataclass(frozen=True)
class Apt:
    """Where mmdebstrap finds the distribution; a host of another family has neither."""

    sources: bool = True
    keyrings: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostFacts:
    home: Path
    user: str
    root: bool
    family: Family
    python: tuple[int, ...]
    programs: Mapping[str, str | None]  # name -> path
    room: Size
    memory: Memory
    qemu_version: tuple[int, ...] = ()
    accelerator: Accelerator | None = None
    kvm_device: bool = False
    kvm_usable: bool = False  # this user may open it
    libvirt: str = ""  # why it can't be reached; empty when it can
    rootless: Rootless = field(default_factory=Rootless)
    apt: Apt = field(default_factory=Apt)
    loopback: bool = True  # any address of 127.0.0.0/8 can be listened on
    lowest_port: int = 1024
    networks: tuple[IPv4Network, ...] = ()  # of the host's routes
    collisions: tuple[str, ...] = ()  # of the environment at hand, as sentences
    authorities: Authorities = field(default_factory=Authorities)
    environ: Mapping[str, str] = field(default_factory=dict)  # the proxy variables only
    ssh: SshConfig | None = None
