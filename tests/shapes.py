"""Shapes of machines for tests, and the smallest guest that can be started and shut down."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from devbox import process
from devbox.addresses import SSH_PORT, UPLINK_MAC, loopback, mac, segment_group, uplink
from devbox.host.kvm import linux_image
from devbox.paths import Home, private_folder
from devbox.providers import Forward, Mark, Owned, Provider, Segment, Shape
from devbox.units import Size

# Real-mode code: prints "idle" on the first serial port, then sleeps until the power button is pressed
# (PM1 status at 0x600 of a q35) and powers off (PM1 control at 0x604).
_IDLE = bytes.fromhex(
    "8cc88ed8be9900baf803ac84c07403eeebf8ba0206b80001effbf4ba0006edf6c40174f5ba0406b80020efebec69646c650a00"
)
CIDR = IPv4Network("10.91.0.0/24")


def shape(
    home: Home, machine: str = "api", last: int = 10, environment: str = "try", **changes: Any
) -> Shape:
    """A machine at ``10.91.0.LAST``; ``changes`` are other fields of the shape."""
    ip, (group, port) = CIDR[last], segment_group(environment)
    files = home.environment(environment).machine(machine)
    spec = json.dumps({"cidr": str(CIDR), "ip": str(ip), "name": machine})
    values: dict[str, Any] = {
        "mark": Mark(environment, machine, "/project/devbox.yml", spec),
        "cpus": 1,
        "memory": Size.parse("64MiB"),
        "disk": files.disk,
        "disk_size": Size.parse("64MiB"),
        "base": home.images / "base" / "disk.qcow2",
        "kernel": home.images / "base" / "vmlinuz",
        "initrd": home.images / "base" / "initrd",
        "cmdline": "console=ttyS0 quiet",
        "cpu_model": "Nehalem",
        "identity": files.identity,
        "console": files.console,
        "ip": ip,
        "uplink_mac": UPLINK_MAC,
        "segment_mac": mac("segment", environment, machine),
        "uplink": uplink(CIDR),
        "segment": Segment(CIDR, group, port),
        "forwards": (forward(ip),),
    }
    return Shape(**(values | changes))


def forward(ip: IPv4Address, host: int = SSH_PORT, guest: int = 22) -> Forward:
    return Forward(loopback(ip), host, guest)


def lay_out(home: Home, *, real: bool) -> None:
    """Write what a shape refers to; only a ``real`` one can be started by QEMU."""
    image = private_folder(home.images / "base")
    (image / "vmlinuz").write_bytes(linux_image(_IDLE))
    (image / "initrd").write_bytes(bytes(16))
    if real:
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", image / "disk.qcow2", "32M"])
    else:
        (image / "disk.qcow2").touch()


def identify(wanted: Shape) -> Shape:
    """Write the identity that the machine needs, as the caller of a provider does before creating it."""
    private_folder(wanted.identity.parent)
    wanted.identity.write_bytes(b"identity")
    return wanted


@dataclass
class Bench:
    """A provider with a home of its own."""

    home: Home
    provider: Provider
    another: Callable[[], Provider]  # the same machines, seen by another process

    def shape(self, machine: str = "api", last: int = 10, **changes: Any) -> Shape:
        return identify(shape(self.home, machine, last, **changes))

    def made(self, machine: str = "api", last: int = 10, **changes: Any) -> Shape:
        wanted = self.shape(machine, last, **changes)
        self.provider.create(wanted)
        return wanted

    def owned(self, wanted: Shape, provider: Provider | None = None) -> Owned:
        machines = (provider or self.provider).machines()
        return next(one for one in machines if one.mark.domain == wanted.mark.domain)
