"""Host facts: parsing what the kernel says, and deciding what collides."""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from devbox.host import Accelerator, Kind, Route, collisions, disk_room, kvm, memory, routes
from devbox.host.network import parse_addresses, parse_routes
from devbox.host.ports import listening_inode
from devbox.host.room import parse_meminfo
from devbox.paths import Home
from devbox.units import Size

CIDR = IPv4Network("10.77.0.0/24")
little = pytest.mark.skipif(sys.byteorder != "little", reason="the samples are of a little-endian host")

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
wg0\t00004D0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0
dum0\t0000630A\t00000000\t0000\t0\t0\t0\t0000FFFF\t0\t0\t0
*\t0000620A\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
"""
TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.8.0.6
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
Local:
     |-- 10.8.0.6
        /32 host LOCAL
"""


@little
def test_routes_are_those_that_are_up_and_lead_somewhere() -> None:
    assert parse_routes(ROUTES) == [
        Route(IPv4Network("10.77.0.0/16"), "wg0"),
        Route(IPv4Network("192.0.2.0/24"), "eth0"),
    ]


@pytest.mark.parametrize("text", ["", "Iface\n", "Iface\nshort line\n"])
def test_no_routes_are_no_routes(text: str) -> None:
    assert parse_routes(text) == []


def test_own_addresses_count_once_and_without_loopback() -> None:
    assert parse_addresses(TRIE) == [Route(IPv4Network("10.8.0.6/32"), "")]


def test_the_host_can_be_asked() -> None:
    assert all(route.network.prefixlen for route in routes())
    assert Size(0) < memory().free <= memory().total


@pytest.mark.parametrize(
    "network, collides",
    [
        ("10.77.0.0/24", True),
        ("10.77.0.128/25", True),
        ("10.0.0.0/8", True),
        ("10.77.0.10/32", True),
        ("10.77.1.0/24", False),
        ("192.168.0.0/16", False),
    ],
)
def test_an_overlap_with_a_route_is_named(network: str, collides: bool) -> None:
    found = collisions("mine", CIDR, [Route(IPv4Network(network), "wg0")])
    assert bool(found) is collides
    for sentence in found:
        assert str(CIDR) in sentence
        assert network in sentence
        assert "'wg0'" in sentence


def test_an_address_that_a_route_covers_is_not_named_twice() -> None:
    both = [Route(IPv4Network("10.77.0.0/16"), "wg0"), Route(IPv4Network("10.77.0.1/32"), "")]
    assert collisions("mine", CIDR, both) == [
        "The network 10.77.0.0/24 overlaps this host's route 10.77.0.0/16 (device 'wg0')."
    ]
    assert collisions("mine", CIDR, both[1:]) == [
        "The network 10.77.0.0/24 overlaps this host's own address 10.77.0.1."
    ]


def mark(cidr: str) -> str:
    return json.dumps({"cidr": cidr, "ip": "10.77.0.10"})


def test_an_overlap_with_another_environment_is_named_once() -> None:
    machines = [("theirs", mark("10.77.0.0/16")), ("theirs", mark("10.77.0.0/16"))]
    found = collisions("mine", CIDR, [], machines)
    assert found == ["The network 10.77.0.0/24 overlaps 10.77.0.0/16 of the environment 'theirs'."]


def test_the_environment_does_not_collide_with_itself() -> None:
    assert collisions("mine", CIDR, [], [("mine", mark("10.77.0.0/24"))]) == []


def test_networks_with_the_same_loopback_addresses_collide() -> None:
    (found,) = collisions("mine", CIDR, [], [("theirs", mark("11.77.0.0/24"))])
    assert "127.77.0.0/24" in found
    assert "'theirs'" in found


@pytest.mark.parametrize("spec", ["", "{", "[]", "{}", '{"cidr": 7.5}', '{"cidr": "x"}', "null"])
def test_a_mark_without_a_network_collides_with_nothing(spec: str) -> None:
    assert collisions("mine", CIDR, [], [("theirs", spec)]) == []


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0A004D7F:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4711 1 0 100
   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 4712 1 0 100
   2: 0A004D7F:0016 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1001        0 4713 1 0 100
"""


@little
@pytest.mark.parametrize("port, inode", [(2222, 4711), (8080, 4712), (22, None), (2223, None)])
def test_a_listener_is_found_by_address_or_on_all_of_them(port: int, inode: int | None) -> None:
    assert listening_inode(TCP, IPv4Address("127.77.0.10"), port) == inode


def test_memory_is_what_the_kernel_says_in_bytes() -> None:
    found = parse_meminfo("MemTotal:       24684092 kB\nMemFree:          10 kB\nMemAvailable:   2048 kB\n")
    assert (found.total, found.free) == (24684092 * 1024, Size.parse("2MiB"))


def test_disk_room_of_what_is_not_there_yet_is_that_of_the_folder_above(tmp_path: Path) -> None:
    assert disk_room(tmp_path / "a" / "b") > 0


def test_an_answer_is_remembered_for_the_same_host(home: Home) -> None:
    found = Accelerator(Kind.TCG, "It is so.")
    kvm._remember(home, {"kernel": "6.1"}, found)
    assert kvm._recall(home, {"kernel": "6.1"}) == found
    assert kvm._recall(home, {"kernel": "6.2"}) is None
    assert home.facts.stat().st_mode & 0o777 == 0o600


def test_remembering_keeps_other_facts(home: Home) -> None:
    home.root.mkdir()
    home.facts.write_text('{"other": 1}')
    kvm._remember(home, {}, Accelerator(Kind.KVM, "It is so."))
    assert json.loads(home.facts.read_text())["other"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"accelerator": 1}', '{"accelerator": {"key": {}}}'])
def test_damaged_facts_are_asked_again(home: Home, text: str) -> None:
    home.root.mkdir()
    home.facts.write_text(text)
    assert kvm._recall(home, {}) is None


def test_the_test_guest_is_an_image_by_the_boot_protocol() -> None:
    image = kvm.linux_image(b"\xfa" * 100)
    assert len(image) % 512 == 0
    assert (image[0x1FE:0x200], image[0x202:0x206]) == (b"\x55\xaa", b"HdrS")
    assert image[0x200:0x202] == b"\xeb\x6a"  # lands behind the header, at the code
    assert image[0x26C : 0x26C + 100] == b"\xfa" * 100
