"""The host's routes, and what an environment's network would collide with."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from devbox.addresses import loopback

_LOOPBACK = IPv4Network("127.0.0.0/8")
_LOCAL = re.compile(r"\|-- (?P<address>[0-9.]+)\n\s+/32 host LOCAL")
_UP, _REJECT = 0x1, 0x200  # RTF_UP, RTF_REJECT of linux/route.h


@dataclass(frozen=True, order=True)
class Route:
    """A network that the host reaches through a device, or an address of its own (no device)."""

    network: IPv4Network
    device: str

    def __str__(self) -> str:
        if self.device:
            return f"this host's route {self.network} (device '{self.device}')"
        return f"this host's own address {self.network.network_address}"


def routes() -> list[Route]:
    """The IPv4 routes and addresses of this host, without the default route and loopback."""
    return parse_routes(_read("/proc/net/route")) + parse_addresses(_read("/proc/net/fib_trie"))


def parse_routes(text: str) -> list[Route]:
    """Read ``/proc/net/route``, where addresses are the host's integers in hexadecimal."""
    found = set()
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        device, destination, flags, mask = fields[0], fields[1], int(fields[3], 16), fields[7]
        network = IPv4Network((_address(destination), str(_address(mask))), strict=False)
        if network.prefixlen and flags & _UP and not flags & _REJECT and not network.subnet_of(_LOOPBACK):
            found.add(Route(network, device))
    return sorted(found)


def parse_addresses(text: str) -> list[Route]:
    """Read the local addresses in ``/proc/net/fib_trie``."""
    addresses = {IPv4Address(match["address"]) for match in _LOCAL.finditer(text)}
    return [Route(IPv4Network(one), "") for one in sorted(addresses) if one not in _LOOPBACK]


def collisions(
    environment: str, cidr: IPv4Network, known: Iterable[Route], machines: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """What the environment's network would collide with, one sentence each; empty when nothing.

    ``machines`` are the environment and the spec (JSON) of every machine of this home, as their
    marks have them; those of the same environment don't count.
    """
    found = [
        f"The network {cidr} overlaps {route}."
        for route in _most_specific(known)
        if route.network.overlaps(cidr)
    ]
    others = {(name, _cidr(spec)) for name, spec in machines if name != environment}
    for name, other in sorted((name, other) for name, other in others if other is not None):
        if other.overlaps(cidr):
            found.append(f"The network {cidr} overlaps {other} of the environment '{name}'.")
        elif _twin(other).overlaps(_twin(cidr)):
            found.append(
                f"The network {cidr} would be reached at the same loopback addresses ({_twin(cidr)})"
                f" as {other} of the environment '{name}'."
            )
    return found


def lowest_port() -> int:
    """The lowest TCP port that machines may have on the host.

    Root's machines run without root's capabilities, so this holds for root as well.
    """
    text = _read("/proc/sys/net/ipv4/ip_unprivileged_port_start").strip()
    return int(text) if text.isdigit() else 1024


def _most_specific(known: Iterable[Route]) -> list[Route]:
    """Own addresses add nothing where a route already covers them."""
    all_routes = sorted(set(known))
    through = [route.network for route in all_routes if route.device]
    return [
        route
        for route in all_routes
        if route.device or not any(route.network.subnet_of(net) for net in through)
    ]


def _twin(cidr: IPv4Network) -> IPv4Network:
    return IPv4Network((loopback(cidr.network_address), max(cidr.prefixlen, 8)), strict=False)


def _cidr(spec: str) -> IPv4Network | None:
    try:
        return IPv4Network(json.loads(spec)["cidr"])
    except (ValueError, KeyError, TypeError):
        return None


def _address(text: str) -> IPv4Address:
    return IPv4Address(int(text, 16).to_bytes(4, sys.byteorder))


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
