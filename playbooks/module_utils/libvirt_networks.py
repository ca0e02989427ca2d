"""The networks that libvirt offers to its guests, and whether they are the one that it is in itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from xml.etree import ElementTree as ET

_PRIVATE = (IPv4Network("192.168.0.0/16"), IPv4Network("172.16.0.0/12"), IPv4Network("10.0.0.0/8"))
_UP = 0x1  # RTF_UP of linux/route.h
_ADDRESS = re.compile(r"""(['"])(\d{1,3}(?:\.\d{1,3}){3})\1""")


class Unreadable(Exception):
    """The text is no network's XML, or there is no network left to choose."""


def routes(text: str) -> list[tuple[str, IPv4Network]]:
    """Device and network of each line of ``/proc/net/route`` but the default routes.

    The kernel writes addresses as this machine's own integers in hexadecimal; all that run libvirt with
    these files are little-endian.
    """
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and int(fields[3], 16) & _UP and fields[7] != "00000000":
            address, mask = (IPv4Address(bytes.fromhex(field)[::-1]) for field in (fields[1], fields[7]))
            found.append((fields[0], IPv4Network(f"{address}/{mask}", strict=False)))
    return found


def bridge_and_networks(xml: str) -> tuple[str, list[IPv4Network]]:
    """The bridge's name (empty where libvirt chooses it) and the IPv4 networks that are on it."""
    try:
        root = ET.fromstring(xml)  # noqa: S314 - root's own file
    except ET.ParseError as error:
        raise Unreadable(f"it is no XML: {error}") from error
    if root.tag != "network":
        raise Unreadable(f"it describes a '{root.tag}', no network")
    bridge = root.find("bridge")
    networks = []
    for element in root.findall("ip"):
        if element.get("family", "ipv4") == "ipv4" and element.get("address"):
            mask = element.get("prefix") or element.get("netmask") or "32"
            networks.append(IPv4Interface(f"{element.get('address')}/{mask}").network)
    return ("" if bridge is None else bridge.get("name", "")), networks


def clashing(xml: str, known: Iterable[tuple[str, IPv4Network]]) -> list[tuple[IPv4Network, str]]:
    """Networks of this definition that the machine reaches by another device than its bridge."""
    bridge, networks = bridge_and_networks(xml)
    return [
        (network, device)
        for network in networks
        for device, around in known
        if device != bridge and network.overlaps(around)
    ]


def free(like: IPv4Network, taken: Sequence[IPv4Network]) -> IPv4Network:
    """The next private network of the same size that overlaps none of the others."""
    for block in _PRIVATE:
        if like.prefixlen < block.prefixlen:
            continue
        for candidate in block.subnets(new_prefix=like.prefixlen):
            later = candidate.network_address > like.network_address or not like.subnet_of(block)
            if later and not any(candidate.overlaps(other) for other in taken):
                return candidate
    raise Unreadable(f"no network of the size of {like} is free")


def moved(xml: str, old: IPv4Network, new: IPv4Network) -> str:
    """The same text with every quoted address of the one network at the same place in the other."""

    def replaced(match: re.Match[str]) -> str:
        try:
            address = IPv4Address(match[2])
        except ValueError:
            return match[0]
        if address not in old:
            return match[0]
        there = new.network_address + (int(address) - int(old.network_address))
        return f"{match[1]}{there}{match[1]}"

    return _ADDRESS.sub(replaced, xml)
