"""Addresses that follow from what the user wrote: loopback twins, hardware addresses, segments."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Address, IPv4Network

SSH_PORT = 2222  # of a machine's loopback address; below 1024 an ordinary user may not listen
# Nobody else is on a machine's way out; QEMU's network there remembers a clone by its template's address.
UPLINK_MAC = "52:54:00:de:7b:07"
_UPLINKS = (IPv4Network("10.0.2.0/24"), IPv4Network("10.0.3.0/24"))  # the first is QEMU's own default


def loopback(ip: IPv4Address) -> IPv4Address:
    """The host's address for the machine ``ip``: 10.77.0.10 is reached at 127.77.0.10.

    All of 127.0.0.0/8 is the host itself on Linux, so each machine has all ports to itself.
    127.0.x.x, where local resolvers live, is moved to 127.255.x.x.
    """
    low = int(ip) & 0xFFFFFF
    if low >> 16 == 0:
        low |= 0xFF0000
    return IPv4Address((127 << 24) | low)


def gateway(cidr: IPv4Network) -> IPv4Address:
    """The first address of the network, which no machine may have."""
    return cidr[1]


def uplink(cidr: IPv4Network) -> IPv4Network:
    """A network for the way out that does not overlap the environment's."""
    return next(net for net in _UPLINKS if not net.overlaps(cidr))


def mac(*names: str) -> str:
    """A stable hardware address in QEMU's range for the thing so named."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return "52:54:00:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def segment_group(*names: str) -> tuple[IPv4Address, int]:
    """A multicast group of the administratively scoped range (RFC 2365) and a port for a segment."""
    digest = hashlib.sha256("\0".join(("segment", *names)).encode()).digest()
    group = IPv4Address((239 << 24) | (255 << 16) | int.from_bytes(digest[:2]))
    return group, 20000 + int.from_bytes(digest[2:4]) % 10000
