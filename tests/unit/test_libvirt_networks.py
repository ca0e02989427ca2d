"""Which of libvirt's networks clash with the machine's own, and where they move."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import ansible.module_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.host.network import parse_routes
from devbox.paths import shipped

ansible.module_utils.__path__.append(str(shipped("playbooks") / "module_utils"))

from ansible.module_utils.libvirt_networks import (  # noqa: E402
    Unreadable,
    bridge_and_networks,
    clashing,
    free,
    moved,
    routes,
)

HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
TABLE = (
    HEAD + "eth0\t00000000\t017AA8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "eth0\t007AA8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
DEFAULT = """\
<network connections='1'>
  <bridge name="virbr0"/>
  <dns><host ip='10.0.0.1'/></dns>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end="192.168.122.254"/></dhcp>
  </ip>
  <ip family='ipv6' address='fd00::1' prefix='64'/>
</network>
"""
NETWORK = IPv4Network("192.168.122.0/24")


def test_routes_are_those_that_the_host_part_of_devbox_sees() -> None:
    assert routes(TABLE) == [("eth0", NETWORK)]
    assert [(route.device, route.network) for route in parse_routes(TABLE)] == routes(TABLE)


def test_a_definition_tells_bridge_and_networks() -> None:
    assert bridge_and_networks(DEFAULT) == ("virbr0", [NETWORK])
    assert bridge_and_networks("<network><ip address='10.1.2.3' prefix='16'/></network>") == (
        "",
        [IPv4Network("10.1.0.0/16")],
    )


@pytest.mark.parametrize("xml", ["<network>", "<domain/>"])
def test_what_is_no_definition_is_refused(xml: str) -> None:
    with pytest.raises(Unreadable):
        bridge_and_networks(xml)


def test_its_own_bridge_is_no_clash() -> None:
    assert clashing(DEFAULT, [("virbr0", NETWORK)]) == []
    assert clashing(DEFAULT, [("eth0", IPv4Network("10.0.2.0/24"))]) == []
    assert clashing(DEFAULT, [("eth0", IPv4Network("192.168.0.0/16"))]) == [(NETWORK, "eth0")]


def test_addresses_move_and_nothing_else() -> None:
    after = moved(DEFAULT, NETWORK, IPv4Network("192.168.124.0/24"))
    assert after == DEFAULT.replace("192.168.122.", "192.168.124.")


def test_the_next_free_network_is_taken() -> None:
    taken = [IPv4Network("192.168.0.0/17"), IPv4Network("192.168.128.0/24")]
    assert free(NETWORK, [NETWORK, IPv4Network("192.168.123.0/24")]) == IPv4Network("192.168.124.0/24")
    assert free(NETWORK, taken) == IPv4Network("192.168.129.0/24")
    assert free(NETWORK, [IPv4Network("192.168.0.0/16")]) == IPv4Network("172.16.0.0/24")
    with pytest.raises(Unreadable, match="no network of the size"):
        free(NETWORK, [IPv4Network("0.0.0.0/0")])


@given(
    st.integers(8, 28),
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(12, 32))),
)
def test_what_is_chosen_is_private_free_and_as_large(
    prefix: int, start: int, around: list[tuple[int, int]]
) -> None:
    like = IPv4Network((start, prefix), strict=False)
    taken = [like, *(IPv4Network(one, strict=False) for one in around)]
    chosen = free(like, taken[:4])
    assert chosen.prefixlen == prefix
    assert chosen.is_private
    assert not any(chosen.overlaps(other) for other in taken[:4])
    xml = f"<ip address='{like.network_address}'/><a b='{IPv4Address(int(like.broadcast_address))}'/>"
    there = moved(xml, like, chosen)
    assert there == f"<ip address='{chosen.network_address}'/><a b='{chosen.broadcast_address}'/>"
    assert moved(there, chosen, like) == xml
