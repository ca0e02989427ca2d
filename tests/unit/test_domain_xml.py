"""A shape as domain XML, and back."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import shapes
from hypothesis import given
from hypothesis import strategies as st

from devbox.host import Kind
from devbox.paths import Home
from devbox.providers import Forward, Mark, Shape
from devbox.providers.libvirt import domain
from devbox.units import Size

HOME = Home(Path("/home/ann/.local/share/devbox"))
RENDERED = Path(__file__).parent.parent / "rendered"
SHAPE = shapes.shape(
    HOME,
    cpus=2,
    memory=Size.parse("2GiB"),
    forwards=(shapes.forward(shapes.CIDR[10]), shapes.forward(shapes.CIDR[10], 9292, 9292)),
)


def element(xml: str, path: str) -> ET.Element:
    found = ET.fromstring(xml).find(path)  # noqa: S314 - our own
    assert found is not None, path
    return found


def words(shape: Shape) -> list[str]:
    tree = ET.fromstring(domain.to_xml(shape, Kind.TCG, HOME.root))  # noqa: S314 - our own
    return [arg.get("value", "") for arg in tree.iter("{http://libvirt.org/schemas/domain/qemu/1.0}arg")]


def test_the_emulated_machine_is_as_in_the_golden_file() -> None:
    assert domain.to_xml(SHAPE, Kind.TCG, HOME.root) == (RENDERED / "domain-tcg.xml").read_text()


def test_the_accelerated_machine_differs_in_domain_type_and_processor_only() -> None:
    emulated = domain.to_xml(SHAPE, Kind.TCG, HOME.root).splitlines()
    accelerated = domain.to_xml(SHAPE, Kind.KVM, HOME.root).splitlines()
    assert [line.strip() for line in accelerated if line not in emulated] == [
        accelerated[0],
        '<cpu mode="host-passthrough" check="none" />',
    ]
    assert 'type="kvm"' in accelerated[0]


def test_what_was_written_is_read_back() -> None:
    assert domain.parse(domain.to_xml(SHAPE, Kind.KVM, HOME.root)) == domain.Definition(
        mark=SHAPE.mark,
        home=HOME.root,
        accelerator="kvm",
        forwards=SHAPE.forwards,
        disk=SHAPE.disk,
        identity=SHAPE.identity,
        console=SHAPE.console,
        line=None,
    )


# XML has no control characters at all; in a mark they are JSON's, in a path libvirt refuses them.
_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXT, _TEXT, st.booleans(), _TEXT)
def test_every_mark_is_read_back(origin: str, spec: str, made: bool, provisioned: str) -> None:
    mark = Mark("env", "api", origin, spec, made, provisioned)
    found = domain.parse(domain.to_xml(replace(SHAPE, mark=mark), Kind.TCG, HOME.root))
    assert found is not None
    assert found.mark == mark


_PORTS = st.integers(1, 65535)


@given(st.lists(st.builds(Forward, st.ip_addresses(network="127.0.0.0/8"), _PORTS, _PORTS)))
def test_every_forward_is_read_back(forwards: list[Forward]) -> None:
    found = domain.parse(domain.to_xml(replace(SHAPE, forwards=tuple(forwards)), Kind.TCG, HOME.root))
    assert found is not None
    assert found.forwards == tuple(forwards)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1))
def test_no_path_or_command_line_leaves_its_place(text: str) -> None:
    shape = replace(SHAPE, disk=Path("/d", text), cmdline=text)
    xml = domain.to_xml(shape, Kind.TCG, HOME.root)
    assert element(xml, "os/cmdline").text == text
    found = domain.parse(xml)
    assert found is not None
    assert found.disk == shape.disk


def test_a_foreign_domain_is_not_ours() -> None:
    assert domain.parse("<domain type='kvm'><name>win11</name></domain>") is None


def test_a_damaged_mark_is_not_ours() -> None:
    for text in ("", "null", "[]", '{"machine": "api"}', "{"):
        mark = f"<m:mark xmlns:m='urn:devbox:mark:1' home='/h'>{text}</m:mark>"
        assert domain.parse(f"<domain><metadata>{mark}</metadata></domain>") is None


def test_what_a_newer_devbox_added_to_a_mark_is_ignored() -> None:
    text = '{"environment": "e", "machine": "m", "origin": "o", "spec": "{}", "colour": "red"}'
    mark = f"<m:mark xmlns:m='urn:devbox:mark:1' home='/h'>{text}</m:mark>"
    found = domain.parse(f"<domain><metadata>{mark}</metadata></domain>")
    assert found is not None
    assert (found.mark, found.home, found.disk) == (Mark("e", "m", "o", "{}"), Path("/h"), None)


def test_the_uplink_is_a_network_of_its_own_with_the_forwards_to_the_guest() -> None:
    uplink = next(word for word in words(SHAPE) if word.startswith("user,"))
    assert "net=10.0.2.0/24,host=10.0.2.2,dns=10.0.2.3,ipv6=off" in uplink
    assert "hostfwd=tcp:127.91.0.10:2222-10.0.2.15:22" in uplink
    assert "hostfwd=tcp:127.91.0.10:9292-10.0.2.15:9292" in uplink
    moved = replace(SHAPE, uplink=IPv4Network("10.0.3.0/24"))
    assert "2222-10.0.3.15:22" in next(word for word in words(moved) if word.startswith("user,"))


def test_the_segment_stays_on_the_loopback_device() -> None:
    segment = next(word for word in words(SHAPE) if word.startswith("socket,"))
    assert segment.endswith(",localaddr=127.0.0.1")
    assert f"mcast={SHAPE.segment.group}:{SHAPE.segment.port}" in segment


def test_no_two_devices_share_a_place_on_the_bus() -> None:
    tree = ET.fromstring(domain.to_xml(SHAPE, Kind.TCG, HOME.root))  # noqa: S314 - our own
    slots = [address.get("slot") for address in tree.iter("address")]
    slots += [part[5:] for word in words(SHAPE) for part in word.split(",") if part.startswith("addr=")]
    assert len(slots) == len(set(slots)) == 5


def test_each_nic_has_the_address_that_the_guest_looks_for() -> None:
    nics = [word for word in words(SHAPE) if word.startswith("virtio-net-pci,")]
    assert [f"mac={SHAPE.uplink_mac}" in nics[0], f"mac={SHAPE.segment_mac}" in nics[1]] == [True, True]


def test_the_same_machine_of_the_same_home_keeps_its_number() -> None:
    numbers = {
        domain.domain_uuid(Path(home), name)
        for home in ("/a", "/b", "/a")
        for name in ("m.e.devbox", "n.e.devbox")
    }
    assert len(numbers) == 4


def test_the_mark_alone_brings_no_namespace_along() -> None:
    text = domain.mark_xml(SHAPE.mark, HOME.root)
    assert text.startswith("<mark ")
    assert "xmlns" not in text
