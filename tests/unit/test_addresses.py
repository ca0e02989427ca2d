"""Addresses that follow from others: distinct where they must be, and the same every time."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.addresses import gateway, loopback, mac, segment_group, uplink

NAMES = st.lists(st.text("abc09-", min_size=1, max_size=8), min_size=1, max_size=3)
PRIVATE = st.sampled_from(
    [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16")]
)


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    """Private networks of the sizes that devbox.yml may name."""
    within = draw(PRIVATE)
    prefix = draw(st.integers(16, 30))
    offset = draw(st.integers(0, within.num_addresses - 1))
    return IPv4Network((int(within[offset]), prefix), strict=False)


@pytest.mark.parametrize(
    "ip, twin",
    [("10.77.0.10", "127.77.0.10"), ("192.168.1.2", "127.168.1.2"), ("10.0.2.15", "127.255.2.15")],
)
def test_loopback_twins(ip: str, twin: str) -> None:
    assert loopback(IPv4Address(ip)) == IPv4Address(twin)


@settings(deadline=None)
@given(networks(), st.data())
def test_no_two_machines_of_a_network_share_a_loopback_address(
    cidr: IPv4Network, data: st.DataObject
) -> None:
    hosts = st.integers(2, cidr.num_addresses - 2)
    one, other = cidr[data.draw(hosts)], cidr[data.draw(hosts)]
    assert (loopback(one) == loopback(other)) == (one == other)
    assert loopback(one).is_loopback
    assert loopback(one) not in IPv4Network("127.0.0.0/16")  # where local resolvers live
    assert loopback(one) != IPv4Address("127.255.255.255")  # its broadcast address


@settings(deadline=None)
@given(networks())
def test_the_gateway_is_the_first_host(cidr: IPv4Network) -> None:
    assert gateway(cidr) == next(cidr.hosts())


@settings(deadline=None)
@given(NAMES)
def test_hardware_addresses_are_stable_local_and_unicast(names: list[str]) -> None:
    assert mac(*names) == mac(*names)
    octets = [int(octet, 16) for octet in mac(*names).split(":")]
    assert len(octets) == 6
    assert octets[0] & 0b11 == 0b10  # locally administered, not multicast


@settings(deadline=None)
@given(NAMES, NAMES)
def test_hardware_addresses_tell_things_apart(some: list[str], others: list[str]) -> None:
    # 24 bits: two of the few hundred names of a run meet once in a thousand runs, so only near ones are tried
    assert mac(*some, "uplink") != mac(*some, "segment")
    assert mac("a", "bc") != mac("ab", "c")
    assert segment_group(*some) == segment_group(*some)
    assert others == some or segment_group("x", *some) != segment_group(*some)


@settings(deadline=None)
@given(NAMES)
def test_segments_use_scoped_groups_and_ordinary_ports(names: list[str]) -> None:
    group, port = segment_group(*names)
    assert group in IPv4Network("239.255.0.0/16")
    assert 20000 <= port < 30000


def test_the_way_out_never_overlaps_the_environment() -> None:
    assert uplink(IPv4Network("10.77.0.0/24")) == IPv4Network("10.0.2.0/24")
    assert uplink(IPv4Network("10.0.2.0/25")) == IPv4Network("10.0.3.0/24")
