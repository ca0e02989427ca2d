"""A machine's shape as libvirt's domain XML, and the XML read back as what we own."""

from __future__ import annotations

import json
import re
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from devbox.host import Kind
from devbox.providers import Forward, Mark, Segment, Shape

MARK = "urn:devbox:mark:1"
PREFIX = "devbox"
IDENTITY = "opt/devbox/identity"  # the guest finds it below /sys/firmware/qemu_fw_cfg/by_name
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"  # libvirt's own name for its namespace
_FORWARD = re.compile(r"hostfwd=tcp:(?P<address>[0-9.]+):(?P<host>[0-9]+)-[0-9.]*:(?P<guest>[0-9]+)")
_GUEST, _GATEWAY, _RESOLVER = 15, 2, 3  # hosts of QEMU's user-mode network

# Fixed places on the root bus: libvirt doesn't see the NICs and must not give their slots away, and
# without root ports there is nothing for the guest to scan.
_DISK_SLOT, _RANDOM_SLOT, _UPLINK_SLOT, _SEGMENT_SLOT, _LINE_SLOT = "0x02", "0x03", "0x04", "0x05", "0x06"
LINE = "devbox"  # the guest's name of the virtio serial port
_RAM = "devbox-ram"

ET.register_namespace(PREFIX, MARK)
ET.register_namespace("qemu", _QEMU)


@dataclass(frozen=True)
class Definition:
    """What a domain's XML says about a machine of ours."""

    mark: Mark
    home: Path
    accelerator: str
    forwards: tuple[Forward, ...]
    disk: Path | None
    identity: Path | None
    console: Path | None
    line: Path | None  # while it runs


def domain_uuid(home: Path, name: str) -> uuid.UUID:
    """The same for the same machine of the same home, so that defining it again replaces it."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{MARK}/{home}/{name}")


def to_xml(shape: Shape, accelerator: Kind, home: Path) -> str:
    """The domain of a machine; ``home`` is the root of the devbox home that it belongs to."""
    domain = ET.Element("domain", type="kvm" if accelerator is Kind.KVM else "qemu")
    _text(domain, "name", shape.mark.domain)
    _text(domain, "uuid", str(domain_uuid(home, shape.mark.domain)))
    ET.SubElement(domain, "metadata").append(_mark(shape.mark, home))
    _text(domain, "memory", str(int(shape.memory)), {"unit": "b"})
    _text(domain, "vcpu", str(shape.cpus))
    _boot(domain, shape)
    _processor(domain, shape, accelerator)
    _devices(domain, shape)
    commandline = ET.SubElement(domain, f"{{{_QEMU}}}commandline")
    ram = f"memory-backend-ram,id={_RAM},size={int(shape.memory)}"
    for word in [*_nics(shape), "-object", ram, "-machine", f"memory-backend={_RAM}"]:
        ET.SubElement(commandline, f"{{{_QEMU}}}arg", value=word)
    # Otherwise libvirt asks QEMU for each of 400 features of its processor, one after the other: 0.6 s.
    lacking = ET.SubElement(domain, f"{{{_QEMU}}}capabilities")
    ET.SubElement(lacking, f"{{{_QEMU}}}del", capability="cpu-unavailable-features")
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode") + "\n"


def thawing(xml: str, memory: Path | None, *, shared: bool) -> str:
    """The same domain, waiting for a frozen machine's state instead of booting.

    Its RAM is that of the file, which it changes only if it is ``shared``; without one its own.
    """
    domain = ET.fromstring(xml)  # noqa: S314 - from libvirt, which parsed it before
    commandline = domain.find(f"{{{_QEMU}}}commandline")
    assert commandline is not None
    if memory is not None:
        for word in commandline:
            if (value := word.get("value", "")).startswith("memory-backend-ram,"):
                size = value.rpartition("size=")[2]
                share = "on" if shared else "off"
                word.set(
                    "value", f"memory-backend-file,id={_RAM},size={size},mem-path={memory},share={share}"
                )
    for value in ("-incoming", "defer"):
        ET.SubElement(commandline, f"{{{_QEMU}}}arg", value=value)
    return ET.tostring(domain, encoding="unicode")


def fingerprint(shape: Shape, accelerator: Kind) -> str:
    """What the domains of all machines with the same processors, RAM and devices have in common."""
    nobody = replace(
        shape,
        mark=Mark("", "", "", ""),
        disk=Path("/"),
        base=Path("/"),
        kernel=Path("/"),
        initrd=Path("/"),
        identity=Path("/"),
        console=Path("/"),
        cmdline="",
        ip=IPv4Address(0),
        segment_mac="",
        uplink=IPv4Network("0.0.0.0/24"),
        segment=Segment(IPv4Network("0.0.0.0/24"), IPv4Address(0), 0),
        forwards=(),
    )
    return to_xml(nobody, accelerator, Path("/"))


def mark_xml(mark: Mark, home: Path) -> str:
    """The mark for libvirt's setMetadata, which puts it into our namespace itself."""
    element = _mark(mark, home)
    element.tag = "mark"
    return ET.tostring(element, encoding="unicode")


def parse(xml: str) -> Definition | None:
    """What the domain says about our machine; None when it is not a machine of devbox."""
    domain = ET.fromstring(xml)  # noqa: S314 - from libvirt, which parsed it before
    element = domain.find(f"metadata/{{{MARK}}}mark")
    mark = _read_mark(element.text or "") if element is not None else None
    if element is None or mark is None:
        return None
    words = " ".join(arg.get("value", "") for arg in domain.iterfind(f".//{{{_QEMU}}}arg"))
    return Definition(
        mark=mark,
        home=Path(element.get("home", "")),
        accelerator=str(Kind.KVM if domain.get("type") == "kvm" else Kind.TCG),
        forwards=tuple(
            Forward(IPv4Address(found["address"]), int(found["host"]), int(found["guest"]))
            for found in _FORWARD.finditer(words)
        ),
        disk=_path(domain, "devices/disk/source", "file"),
        identity=_path(domain, f"sysinfo/entry[@name='{IDENTITY}']", "file"),
        console=_path(domain, "devices/serial/log", "file"),
        line=_path(domain, f"devices/channel/target[@name='{LINE}']/../source", "path"),
    )


def _mark(mark: Mark, home: Path) -> ET.Element:
    element = ET.Element(f"{{{MARK}}}mark", home=str(home))
    element.text = json.dumps(asdict(mark), sort_keys=True)
    return element


def _read_mark(text: str) -> Mark | None:
    try:
        values = json.loads(text)
        known = {field.name for field in fields(Mark)}  # a newer devbox may have written more
        return Mark(**{name: value for name, value in values.items() if name in known})
    except (ValueError, TypeError, AttributeError):
        return None


def _path(domain: ET.Element, where: str, attribute: str) -> Path | None:
    element = domain.find(where)
    value = element.get(attribute) if element is not None else None
    return Path(value) if value else None


def _boot(domain: ET.Element, shape: Shape) -> None:
    system = ET.SubElement(domain, "os")
    _text(system, "type", "hvm", {"arch": "x86_64", "machine": "q35"})
    _text(system, "kernel", str(shape.kernel))
    _text(system, "initrd", str(shape.initrd))
    _text(system, "cmdline", shape.cmdline)
    # libvirt has fw_cfg files here since 6.5
    sysinfo = ET.SubElement(domain, "sysinfo", type="fwcfg")
    ET.SubElement(sysinfo, "entry", name=IDENTITY, file=str(shape.identity))


def _processor(domain: ET.Element, shape: Shape, accelerator: Kind) -> None:
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    ET.SubElement(features, "vmport", state="off")
    if accelerator is Kind.KVM:
        ET.SubElement(domain, "cpu", mode="host-passthrough", check="none")
    else:
        # check='none': emulation lacks some features of every named model, and no guest of ours minds
        cpu = ET.SubElement(domain, "cpu", mode="custom", match="exact", check="none")
        _text(cpu, "model", shape.cpu_model, {"fallback": "forbid"})
    ET.SubElement(domain, "clock", offset="utc")
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "restart")
    _text(domain, "on_crash", "destroy")


def _devices(domain: ET.Element, shape: Shape) -> None:
    devices = ET.SubElement(domain, "devices")
    disk = ET.SubElement(devices, "disk", type="file", device="disk", model="virtio-non-transitional")
    ET.SubElement(disk, "driver", name="qemu", type="qcow2", discard="unmap", detect_zeroes="unmap")
    ET.SubElement(disk, "source", file=str(shape.disk))
    ET.SubElement(disk, "target", dev="vda", bus="virtio")
    _place(disk, _DISK_SLOT)
    ET.SubElement(devices, "controller", type="usb", model="none")
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=str(shape.console), append="on")
    ET.SubElement(serial, "target", type="isa-serial", port="0")
    random = ET.SubElement(devices, "rng", model="virtio-non-transitional")
    _text(random, "backend", "/dev/urandom", {"model": "random"})
    _place(random, _RANDOM_SLOT)
    lines = ET.SubElement(
        devices, "controller", type="virtio-serial", index="0", model="virtio-non-transitional"
    )
    _place(lines, _LINE_SLOT)
    line = ET.SubElement(devices, "channel", type="unix")  # libvirt finds a place for its socket
    ET.SubElement(line, "target", type="virtio", name=LINE)
    ET.SubElement(devices, "memballoon", model="none")
    ET.SubElement(devices, "audio", id="1", type="none")


def _nics(shape: Shape) -> list[str]:
    """Past libvirt, whose user-mode interfaces have neither forwards nor multicast on loopback."""
    net = shape.uplink
    forwards = [f"hostfwd=tcp:{one.address}:{one.host}-{net[_GUEST]}:{one.guest}" for one in shape.forwards]
    options = [f"net={net}", f"host={net[_GATEWAY]}", f"dns={net[_RESOLVER]}", "ipv6=off", *forwards]
    return [
        "-netdev",
        ",".join(["user", "id=uplink", *options]),
        "-device",
        _nic("uplink", shape.uplink_mac, _UPLINK_SLOT),
        "-netdev",
        _segment(shape.segment),
        "-device",
        _nic("segment", shape.segment_mac, _SEGMENT_SLOT),
    ]


def _segment(segment: Segment) -> str:
    return f"socket,id=segment,mcast={segment.group}:{segment.port},localaddr=127.0.0.1"


def _nic(netdev: str, mac: str, slot: str) -> str:
    # Without its ROM the firmware has no network boot to try.
    return f"virtio-net-pci,netdev={netdev},mac={mac},bus=pcie.0,addr={slot},disable-legacy=on,romfile="


def _place(device: ET.Element, slot: str) -> None:
    ET.SubElement(device, "address", type="pci", domain="0x0000", bus="0x00", slot=slot, function="0x0")


def _text(parent: ET.Element, tag: str, text: str, attributes: Mapping[str, str] | None = None) -> None:
    ET.SubElement(parent, tag, dict(attributes or {})).text = text
