"""An environment with one machine on the fake provider, for tests of what stands above providers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from devbox.environment import Environment, MachineSpec, Port
from devbox.events import silent
from devbox.hostbake import HostFacts
from devbox.paths import Home
from devbox.providers import Mark, Segment, Shape
from devbox.providers.fake import FakeProvider
from devbox.provision.playbooks import Playbooks
from devbox.resources import MachineResource
from devbox.resources.world import World
from devbox.units import Size

CIDR = IPv4Network("10.77.0.0/24")
API = MachineSpec(
    "api", "debian-12", IPv4Address("10.77.0.10"), 2, Size(2**30), Size(2**34), ports=(Port(8080, 80),)
)
KEY = "c0" * 32


def make_world(home: Home, project: Path, file: Path | None = None) -> World:
    """``file`` keeps the fake machines where other providers of this home find them."""
    (home.images / KEY).mkdir(parents=True)
    return World(
        home=home,
        environment=Environment("shop", project / "devbox.yml", CIDR, (API,)),
        boxes={},
        images={"debian-12": KEY},
        provider=FakeProvider(file),
        playbooks=Playbooks(project),
        emit=silent,
        bake_host=HostFacts("amd64"),
    )


def wanted(world: World, spec: MachineSpec = API) -> MachineResource:
    return MachineResource.wanted(spec, KEY, world.environment.cidr, {spec.name: spec.ip})


def made(world: World, spec: MachineSpec = API, **mark: Any) -> Mark:
    """Give the fake provider a machine as `up` would have left it."""
    resource = wanted(world, spec)
    base = world.home.root / "base"
    base.touch()
    paths = world.paths.machine(spec.name)
    paths.root.mkdir(parents=True, exist_ok=True)
    paths.disk.touch()
    given = {"made": True, **mark}
    shape = Shape(
        mark=Mark("shop", spec.name, str(world.environment.file), resource.spec(), **given),
        cpus=spec.cpus,
        memory=spec.memory,
        disk=paths.disk,
        disk_size=spec.disk,
        base=base,
        kernel=base,
        initrd=base,
        cmdline="",
        cpu_model="Nehalem",
        identity=paths.identity,
        console=paths.console,
        ip=spec.ip,
        uplink_mac="52:54:00:00:00:01",
        segment_mac="52:54:00:00:00:02",
        uplink=IPv4Network("10.0.2.0/24"),
        segment=Segment(CIDR, IPv4Address("239.255.0.1"), 20000),
        forwards=resource.forwards,
    )
    world.provider.create(shape)
    world.provider.start(shape.mark.domain)
    return shape.mark


@dataclass(frozen=True)
class Made:
    """The world, with ways to change it."""

    world: World

    def machine(self, **mark: Any) -> Mark:
        return made(self.world, **mark)

    def with_memory(self, size: int) -> World:
        greedy = replace(API, memory=Size(size))
        return replace(self.world, environment=replace(self.world.environment, machines=(greedy,)))

    def without_machines(self) -> World:
        return replace(self.world, environment=replace(self.world.environment, machines=()))
