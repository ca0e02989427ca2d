"""What can't be true together: each rule yields the place and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import TypeVar

from devbox import addresses
from devbox.reading import names
from devbox.reading.documents import Where, quoted
from devbox.reading.known import HostLimits, Known
from devbox.reading.written import EnvironmentWritten, MachineWritten
from devbox.units import Size

Finding = tuple[Where, str]

_PRIVATE = [IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]  # RFC 1918
# within a /16 no two machines share a loopback address (addresses.loopback)
_SHORTEST, _LONGEST = 16, 30
_CPUS_EACH = 4  # virtual CPUs for each of the host's; beyond that guests only wait for themselves
_PRIVILEGED = 1024
_LEAST_MEMORY = Size.parse("64MiB")


def contradictions(written: EnvironmentWritten, known: Known) -> Iterator[Finding]:
    """Every contradiction in what was written, whichever parts of it are missing."""
    machines = written.machines
    if machines is not None and not machines:
        yield ("machines",), "there is no machine; name at least one"
    yield from _each(names.label, "machines", machines or {})
    yield from _each(names.variable, "vars", written.vars)
    yield from _skipped(written.workarounds.skip, known.workarounds)
    yield from _repeated(("include",), written.include)
    cidr = written.network.cidr if written.network else None
    if cidr is not None:
        yield from ((("network", "cidr"), problem) for problem in _network(cidr))
    yield from _addresses(machines or {}, cidr)
    for name, machine in (machines or {}).items():
        for where, problem in _machine(machine, known):
            yield ("machines", name, *where), problem


def _skipped(skip: list[str], known: Collection[str] | None) -> Iterator[Finding]:
    yield from _repeated(("workarounds", "skip"), skip)
    for index, name in enumerate(skip):
        if known is not None and name not in known and name not in skip[:index]:
            problem = f"there is no workaround {quoted(name)}{names.near(name, known)}"
            yield ("workarounds", "skip", index), problem


def _each(check: Callable[[str], str], section: str, named: Mapping[str, object]) -> Iterator[Finding]:
    for name in named:
        try:
            check(name)
        except ValueError as error:
            yield (section, name), str(error)


Value = TypeVar("Value")


def _repeated(where: Where, values: list[Value]) -> Iterator[Finding]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (*where, index), f"{quoted(value)} is listed twice"


def _network(cidr: IPv4Network) -> Iterator[str]:
    if cidr.prefixlen > _LONGEST:
        yield f"'{cidr}' has no room for a gateway and a machine; write at most /{_LONGEST}"
    if cidr.prefixlen < _SHORTEST:
        yield f"'{cidr}' is too large; write at least /{_SHORTEST}, such as {cidr[0]}/24"
    if not any(cidr.subnet_of(private) for private in _PRIVATE):
        yield f"'{cidr}' is not private; take one inside {', '.join(map(str, _PRIVATE))}"
    elif cidr.prefixlen >= _SHORTEST:
        try:
            addresses.uplink(cidr)
        except StopIteration:
            yield f"'{cidr}' covers the networks that machines reach the world by; take a smaller one"


def _addresses(machines: Mapping[str, MachineWritten], cidr: IPv4Network | None) -> Iterator[Finding]:
    owners: dict[IPv4Address, str] = {}
    for name, machine in machines.items():
        if machine.ip is None:
            continue
        where = ("machines", name, "ip")
        if machine.ip in owners:
            yield where, f"'{machine.ip}' is the address of the machine {quoted(owners[machine.ip])} already"
        elif cidr is not None and (problem := _address(machine.ip, cidr)):
            yield where, problem
        owners.setdefault(machine.ip, name)


def _address(ip: IPv4Address, cidr: IPv4Network) -> str:
    if ip not in cidr:
        return f"'{ip}' lies outside the network {cidr}"
    if cidr.prefixlen > _LONGEST:
        return ""  # the network itself is the mistake
    taken = {
        cidr.network_address: "the network's own address",
        cidr.broadcast_address: "the network's broadcast address",
        addresses.gateway(cidr): "the gateway's address",
    }
    return f"'{ip}' is {taken[ip]}; take another of {cidr}" if ip in taken else ""


def _machine(machine: MachineWritten, known: Known) -> Iterator[Finding]:
    yield from _box(machine, known)
    yield from _resources(machine, known.limits)
    for key in ("bake", "provision"):
        listed = getattr(machine, key)
        yield from _repeated((key,), listed)
        for index, name in enumerate(listed):
            if name not in known.playbooks and name not in listed[:index]:
                near = names.near(name, known.playbooks)
                yield (key, index), f"there is no playbook {quoted(name)}{near}"
    yield from _ports(machine, low_allowed=known.limits.low_ports_allowed)


def _box(machine: MachineWritten, known: Known) -> Iterator[Finding]:
    if machine.box is None or machine.box in known.broken_boxes:
        return
    box = known.boxes.get(machine.box)
    if box is None:
        yield ("box",), f"there is no box {quoted(machine.box)}{names.near(machine.box, known.boxes)}"
        return
    if not box.prepared:
        yield ("box",), f"images of the box '{box.name}' can be fetched, but no machine can stand on them"
    if machine.disk < box.disk:
        yield ("disk",), f"{machine.disk} is smaller than the disk of the box '{box.name}', {box.disk}"
    if machine.memory < box.min_memory:
        yield ("memory",), f"{machine.memory} is less than the box '{box.name}' needs, {box.min_memory}"


def _resources(machine: MachineWritten, limits: HostLimits) -> Iterator[Finding]:
    if machine.memory < _LEAST_MEMORY:
        yield ("memory",), f"{machine.memory} is too little; no machine boots with less than {_LEAST_MEMORY}"
    if machine.memory > limits.memory:
        yield ("memory",), f"{machine.memory} is more than this host has, {limits.memory.mib}MiB"
    most = limits.cpus * _CPUS_EACH
    if machine.cpus > most:
        yield ("cpus",), f"{machine.cpus} is more than {most}, {_CPUS_EACH} for each CPU of this host"


def _ports(machine: MachineWritten, *, low_allowed: bool) -> Iterator[Finding]:
    seen: set[int] = set()
    for index, port in enumerate(machine.ports):
        where = ("ports", index)
        if port.host == addresses.SSH_PORT:
            yield where, f"the host's port {port.host} is the machine's SSH already; take another"
        elif port.host in seen:
            yield where, f"the host's port {port.host} is listed twice"
        elif port.host < _PRIVILEGED and not low_allowed:
            instead = f"'{8000 + port.host}:{port.guest}'"
            yield where, f"only root may open the host's port {port.host}; write {instead}"
        seen.add(port.host)
