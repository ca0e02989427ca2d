"""The checks: one function an aspect, from facts to a finding."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Network

from devbox.doctor.facts import HostFacts
from devbox.doctor.findings import Finding, ok, problem, warning
from devbox.doctor.packages import PROGRAMS, QEMU, Family, Program, install_command
from devbox.doctor.ssh_include import includes, mending_command
from devbox.host import Kind
from devbox.units import Size

_PYTHON = (3, 11)
_QEMU_OLDEST = (6, 2)
_ROOM_LEAST, _ROOM_GOOD = Size.parse("3GiB"), Size.parse("10GiB")
_MEMORY_LEAST, _MEMORY_GOOD = Size.parse("1GiB"), Size.parse("3GiB")
_SUBUIDS = 65536
_PORT = 2222  # where machines' sshd is reached, and the lowest that an ordinary user needs


def python(facts: HostFacts) -> Finding:
    version = _dotted(facts.python)
    if facts.python[:2] < _PYTHON:
        return problem(
            "python",
            f"Python {version} is too old; devbox needs {_dotted(_PYTHON)}.",
            _install(facts, "python3.11"),
        )
    return ok("python", f"Python {version} runs devbox.")


def programs(facts: HostFacts) -> Finding:
    """All that are missing in one finding, so that one command installs them."""
    missing = [program for program in PROGRAMS if not facts.programs.get(program.name)]
    if not missing:
        return ok("programs", "All programs that devbox calls are installed.")
    needs = "; ".join(f"'{program.name}' (needed to {program.purpose})" for program in missing)
    tell = problem if any(program.essential for program in missing) else warning
    return tell("programs", f"Missing here: {needs}.", _install_programs(facts, missing))


def qemu(facts: HostFacts) -> Finding:
    if not facts.programs.get(QEMU.name):
        return problem("qemu", "QEMU is not installed.", _install_programs(facts, [QEMU]))
    if not facts.qemu_version:
        return problem("qemu", f"'{QEMU.name}' does not tell its version.", f"{QEMU.name} --version")
    version = _dotted(facts.qemu_version)
    if facts.qemu_version < _QEMU_OLDEST:
        return warning(
            "qemu", f"QEMU {version} is older than {_dotted(_QEMU_OLDEST)}, the oldest that was tried."
        )
    return ok("qemu", f"QEMU {version} is installed.")


def accelerator(facts: HostFacts) -> Finding:
    found = facts.accelerator
    if found is None:
        return warning("accelerator", "Without QEMU it is unknown how fast machines run here.")
    if found.kind is Kind.KVM:
        return ok("accelerator", found.why)
    slow = f"{found.why} Machines work, but several times slower."
    if facts.kvm_device and not facts.kvm_usable:
        return warning(
            "accelerator", slow, f"{_sudo(facts)}usermod --append --groups kvm {facts.user} && newgrp kvm"
        )
    return warning("accelerator", slow)


def libvirt(facts: HostFacts) -> Finding:
    if not facts.programs.get("libvirtd"):
        missing = [program for program in PROGRAMS if program.name == "libvirtd"]
        return problem("libvirt", "libvirt's daemon is not installed.", _install_programs(facts, missing))
    if facts.libvirt:
        return problem("libvirt", f"libvirt can't be reached: {facts.libvirt}")
    return ok("libvirt", "libvirt can be reached.")


def rootless(facts: HostFacts) -> Finding:
    """Building without root, and the private libvirt daemon, stand on user namespaces."""
    state = facts.rootless
    if not state.namespaces and state.apparmor:
        return problem(
            "rootless",
            "AppArmor forbids ordinary users to make user namespaces on this host.",
            "echo kernel.apparmor_restrict_unprivileged_userns=0 | "
            f"{_sudo(facts)}tee /etc/sysctl.d/60-devbox.conf && {_sudo(facts)}sysctl --system",
        )
    if not state.namespaces:
        return problem("rootless", f"User namespaces do not work here: {state.why}")
    if not facts.root and state.subuids < _SUBUIDS:
        return problem(
            "rootless",
            f"The user '{facts.user}' has {state.subuids} subordinate ids; building images needs {_SUBUIDS}.",
            f"sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {facts.user}",
        )
    return ok("rootless", "User namespaces work, so nothing here needs root.")


def apt(facts: HostFacts) -> Finding:
    if facts.family is not Family.DEBIAN:
        return ok(
            "apt", "This host has no apt of its own; mmdebstrap's defaults say where packages come from."
        )
    if not facts.apt.sources:
        return warning("apt", "No apt source is active here, so mmdebstrap's defaults are used.")
    if not facts.apt.keyrings:
        return problem(
            "apt",
            "No archive keyring is installed, so packages can't be verified.",
            _install(facts, "debian-archive-keyring"),
        )
    return ok("apt", "Images are built from this host's own apt sources and keyrings.")


def room(facts: HostFacts) -> Finding:
    if facts.room < _ROOM_LEAST:
        return problem("room", f"Only {_about(facts.room)} are free in '{facts.home}'.", "devbox gc")
    if facts.room < _ROOM_GOOD:
        return warning(
            "room", f"{_about(facts.room)} are free in '{facts.home}': few images fit.", "devbox gc"
        )
    return ok("room", f"{_about(facts.room)} are free in '{facts.home}'.")


def memory(facts: HostFacts) -> Finding:
    free, total = _about(facts.memory.free), _about(facts.memory.total)
    sentence = f"{free} of {total} memory are free."
    if facts.memory.free < _MEMORY_LEAST:
        return problem("memory", f"{sentence} A machine hardly fits; stop something.")
    if facts.memory.free < _MEMORY_GOOD:
        return warning("memory", f"{sentence} Few machines fit at once.")
    return ok("memory", sentence)


def ports(facts: HostFacts) -> Finding:
    if not facts.loopback:
        return problem(
            "ports",
            "This host answers at 127.0.0.1 only, but each machine needs a loopback address of its own.",
            f"{_sudo(facts)}ip address add 127.0.0.0/8 dev lo",
        )
    if facts.lowest_port > _PORT:
        return problem(
            "ports",
            f"Ports below {facts.lowest_port} are for root, but machines' sshd is reached at {_PORT}.",
            f"{_sudo(facts)}sysctl net.ipv4.ip_unprivileged_port_start=1024",
        )
    return ok("ports", f"Every loopback address is free for machines, at ports from {facts.lowest_port}.")


def networks(facts: HostFacts) -> Finding:
    """An environment's network must be no network of the host."""
    if facts.collisions:
        free = _free_network(facts.networks)
        return problem(
            "networks", f"{' '.join(facts.collisions)} In devbox.yml, 'network: {{cidr: {free}}}' is free."
        )
    return ok("networks", "No network of this host is in the way.")


def certificates(facts: HostFacts) -> Finding:
    count = len(facts.authorities.pem)
    taken = (
        f"Machines take over {count} certificate {'authority' if count == 1 else 'authorities'} of this host."
    )
    if facts.authorities.rejected:
        return warning("certificates", f"{taken} Left out: {' '.join(facts.authorities.rejected)}")
    return ok(
        "certificates", taken if count else "This host has no certificate authority of its own to pass on."
    )


def proxies(facts: HostFacts) -> Finding:
    named = {name.lower(): value for name, value in facts.environ.items() if value}
    used = sorted(set(named) - {"no_proxy"})
    if not used:
        return ok("proxies", "No proxy is set, so machines use none.")
    disagree = sorted(
        name
        for name in used
        if len({value for key, value in facts.environ.items() if key.lower() == name and value}) > 1
    )
    if disagree:
        both = ", ".join(f"'{name}'" for name in disagree)
        return warning(
            "proxies", f"{both}: small and capital letters name two different proxies; the small win."
        )
    if "http_proxy" in named and "https_proxy" not in named:
        command = 'export https_proxy="$http_proxy"' if "http_proxy" in facts.environ else ""
        return warning(
            "proxies", "'http_proxy' is set but 'https_proxy' is not, so https goes without.", command
        )
    return ok("proxies", f"Machines take over {', '.join(used)}.")


def ssh_config(facts: HostFacts) -> Finding:
    if facts.ssh is None or not facts.programs.get("ssh"):
        return warning("ssh", "Without OpenSSH's client, 'devbox ssh' does not work; the rest does.")
    if includes(facts.ssh.text, facts.ssh.include):
        return ok("ssh", f"'{facts.ssh.file}' includes devbox's machines.")
    return warning(
        "ssh",
        f"'{facts.ssh.file}' does not include devbox's machines: plain ssh, scp and editors don't know them.",
        mending_command(facts.ssh),
    )


CHECKS: tuple[Callable[[HostFacts], Finding], ...] = (
    python,
    programs,
    qemu,
    accelerator,
    libvirt,
    rootless,
    apt,
    room,
    memory,
    ports,
    networks,
    certificates,
    proxies,
    ssh_config,
)


def examine(facts: HostFacts) -> list[Finding]:
    """Everything that can be said about this host, in the order in which it is worth mending."""
    return [check(facts) for check in CHECKS]


def _sudo(facts: HostFacts) -> str:
    return "" if facts.root else "sudo "


def _install(facts: HostFacts, package: str) -> str:
    return install_command(facts.family, [package], root=facts.root)


def _install_programs(facts: HostFacts, missing: list[Program]) -> str:
    if facts.family is Family.OTHER:
        return ""
    return install_command(
        facts.family, [program.packages[facts.family] for program in missing], root=facts.root
    )


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)


def _about(size: Size) -> str:
    return f"{size / 2**30:.1f} GiB"


def _free_network(taken: tuple[IPv4Network, ...]) -> IPv4Network:
    """The first of the 10.77.0.0/16 range that no route covers, else of all private ones."""
    for block in ("10.77.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
        for candidate in IPv4Network(block).subnets(new_prefix=24):
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
    return IPv4Network("10.77.0.0/24")
