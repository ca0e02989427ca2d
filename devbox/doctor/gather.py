"""Gathering what doctor judges: the one place of it that looks at the host."""

from __future__ import annotations

import getpass
import os
import re
import socket
import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from pathlib import Path

from devbox import process
from devbox.addresses import loopback
from devbox.doctor.facts import Apt, HostFacts, Rootless, SshConfig
from devbox.doctor.packages import PROGRAMS, QEMU, family
from devbox.errors import DevboxError
from devbox.guest.ssh_config import include_line
from devbox.guest.trust import authorities
from devbox.host import Accelerator, disk_room, lowest_port, memory, routes
from devbox.paths import Home

_PATIENCE = 10.0
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
_KVM = Path("/dev/kvm")
_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


def gather(
    home: Home,
    *,
    accelerator: Callable[[], Accelerator],
    reach_libvirt: Callable[[], object],
    collisions: Iterable[str] = (),
) -> HostFacts:
    """All facts; what fails becomes a fact as well. ``reach_libvirt`` raises DevboxError when it can't."""
    programs = {program.name: process.which(program.name) for program in PROGRAMS}
    return HostFacts(
        home=home.root,
        user=_user(),
        root=os.geteuid() == 0,
        family=family(_text(Path("/etc/os-release"))),
        python=tuple(sys.version_info[:3]),
        programs=programs,
        qemu_version=_qemu_version() if programs[QEMU.name] else (),
        accelerator=accelerator() if programs[QEMU.name] else None,
        kvm_device=_KVM.exists(),
        kvm_usable=os.access(_KVM, os.R_OK | os.W_OK),
        libvirt=_failure(reach_libvirt),
        rootless=_rootless(programs["bwrap"]),
        apt=_apt(),
        room=disk_room(home.root),
        memory=memory(),
        loopback=_loopback(),
        lowest_port=lowest_port(),
        networks=tuple(route.network for route in routes() if route.device),
        collisions=tuple(collisions),
        authorities=authorities(os.environ),
        environ={name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        ssh=_ssh(home, programs["ssh"]),
    )


def parse_subuids(text: str, user: str, uid: int) -> int:
    """How many subordinate ids ``/etc/subuid`` grants the user, by name or number."""
    rows = [line.strip().split(":") for line in text.splitlines()]
    return sum(
        int(row[2]) for row in rows if len(row) == 3 and row[0] in (user, str(uid)) and row[2].isdigit()
    )


def parse_version(text: str) -> tuple[int, ...]:
    match = _VERSION.search(text)
    return tuple(int(part) for part in match.groups() if part) if match else ()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.geteuid())


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def _failure(try_it: Callable[[], object]) -> str:
    try:
        try_it()
    except DevboxError as error:
        return "\n".join(filter(None, [error.message, error.details]))
    return ""


def _qemu_version() -> tuple[int, ...]:
    try:
        return parse_version(
            process.run([process.which(QEMU.name) or QEMU.name, "--version"], timeout=_PATIENCE)
        )
    except DevboxError:
        return ()


def _rootless(bwrap: str | None) -> Rootless:
    why = "bubblewrap is not installed, so it was not tried."
    if bwrap:
        command = [bwrap, "--unshare-user", "--uid", "1000", "--bind", "/", "/", "true"]
        why = _failure(lambda: process.run(command, timeout=_PATIENCE))
    return Rootless(
        namespaces=not why,
        why=why,
        apparmor=_text(_APPARMOR).strip() == "1",
        subuids=parse_subuids(_text(Path("/etc/subuid")), _user(), os.geteuid()),
    )


def _apt() -> Apt:
    folder = Path("/etc/apt")
    lists = [
        folder / "sources.list",
        *folder.glob("sources.list.d/*.list"),
        *folder.glob("sources.list.d/*.sources"),
    ]
    active = re.compile(r"^\s*(?:deb\s|URIs:)", re.MULTILINE)
    keyrings = [*Path("/usr/share/keyrings").glob("*-archive-keyring*"), *folder.glob("trusted.gpg.d/*")]
    return Apt(
        sources=any(active.search(_text(file)) for file in lists),
        keyrings=tuple(sorted({file.name for file in keyrings})),
    )


def _loopback() -> bool:
    """Linux answers for all of 127.0.0.0/8; some sandboxes have 127.0.0.1 only."""
    with socket.socket() as sock:
        try:
            sock.bind((str(loopback(IPv4Address("10.77.0.10"))), 0))
        except OSError:
            return False
    return True


def _ssh(home: Home, program: str | None) -> SshConfig:
    file = Path.home() / ".ssh" / "config"
    return SshConfig(file, include_line(home), _text(file), version=program or "")
