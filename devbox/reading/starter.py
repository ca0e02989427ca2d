"""What `devbox init` writes: a commented devbox.yml that is valid as it stands."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from devbox.addresses import gateway, loopback
from devbox.errors import Refused
from devbox.paths import shipped
from devbox.reading.names import label

_FIRST, _LAST = 77, 126
_WORLD = 8


def starter(name: str, cidr: IPv4Network, *, box: str = "debian-12") -> str:
    """The text of a devbox.yml with one machine at the network's tenth address.

    Raises ValueError with a sentence where ``name`` is no environment's name.
    """
    import jinja2

    template = (shipped("templates") / "devbox.yml.j2").read_text()
    # YAML is no HTML: nothing to escape, and all that is filled in was checked
    environment = jinja2.Environment(  # noqa: S701
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    ip = cidr[10]
    return environment.from_string(template).render(
        name=label(name), cidr=cidr, gateway=gateway(cidr), ip=ip, twin=loopback(ip), box=box
    )


def free_network(taken: Iterable[IPv4Network]) -> IPv4Network:
    """The first /24 between 10.77.0.0 and 10.126.255.0 that overlaps none of those taken.

    Routes to half of the world or all of it (a VPN's, the default one) take nothing.
    """
    busy = [network for network in taken if network.prefixlen >= _WORLD]
    candidate = IPv4Network(f"10.{_FIRST}.0.0/24")
    while candidate[0] <= IPv4Address(f"10.{_LAST}.255.0"):
        blocker = next((other for other in busy if other.overlaps(candidate)), None)
        if blocker is None:
            return candidate
        last = max(blocker.broadcast_address, candidate.broadcast_address)
        candidate = IPv4Network((int(last) + 1 & 0xFFFFFF00, 24))
    raise Refused(
        f"No network between 10.{_FIRST}.0.0 and 10.{_LAST}.255.0 is free on this host.",
        advice="Write a devbox.yml by hand with a network that nothing else uses.",
    )
