"""A machine: a private overlay on an image, with a static address."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, Field, PlainSerializer

from devbox import addresses
from devbox.environment import MachineSpec
from devbox.plan import Effect, Existing, Resource
from devbox.providers import Forward, Mark, Owned, Power, domain_name
from devbox.qcow2 import chain
from devbox.resources.world import World
from devbox.units import Size

Bytes = Annotated[Size, BeforeValidator(Size), PlainSerializer(int)]


def _grown_or_shrunk(before: Size, after: Size) -> Effect:
    return Effect.RESTART if after >= before else Effect.REPLACE


class MachineResource(Resource):
    """Attributes as devbox.yml gives them; ``ports`` are host:guest pairs on the loopback twin."""

    kind: ClassVar[str] = "machine"
    keeps_data: ClassVar[str] = "everything on its disk"

    box: Annotated[str, Effect.REPLACE]
    image: Annotated[str, Effect.REPLACE]
    layer: Annotated[str, Effect.REPLACE] = ""
    cpus: Annotated[int, Effect.RESTART]
    memory: Annotated[Bytes, Effect.RESTART]
    disk: Annotated[Bytes, _grown_or_shrunk]
    ip: Annotated[IPv4Address, Effect.RESTART]
    cidr: Annotated[IPv4Network, Effect.RESTART]
    ports: Annotated[tuple[tuple[int, int], ...], Effect.RESTART]
    peers: Annotated[dict[str, IPv4Address], Effect.LIVE] = Field(default_factory=dict)
    running: Annotated[bool, Effect.START] = True

    @classmethod
    def wanted(
        cls,
        spec: MachineSpec,
        image: str,
        cidr: IPv4Network,
        peers: dict[str, IPv4Address],
        *,
        layer: str = "",
    ) -> Self:
        return cls(
            name=spec.name,
            box=spec.box,
            image=image,
            layer=layer,
            cpus=spec.cpus,
            memory=spec.memory,
            disk=spec.disk,
            ip=spec.ip,
            cidr=cidr,
            ports=tuple((port.host, port.guest) for port in spec.ports),
            peers=peers,
        )

    def needs(self) -> Sequence[str]:
        return (f"layer.{self.layer[:12]}" if self.layer else f"image.{self.box}",)

    def follows(self) -> Sequence[str]:
        return (f"template.{self.template}",)

    @property
    def template(self) -> str:
        """The name of the template that it can be cloned from: what it stands on, and its shape."""
        return f"{(self.layer or self.image)[:12]}-{self.cpus}x{self.memory.mib}-{self.disk.mib}"

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """What the host reaches: SSH first, then the ports that were asked for."""
        host = addresses.loopback(self.ip)
        ssh = Forward(host, addresses.SSH_PORT, 22)
        return (ssh, *(Forward(host, outside, inside) for outside, inside in self.ports))

    @classmethod
    def read(cls, world: World) -> list[Existing]:
        ours = (
            owned for owned in world.provider.machines() if owned.mark.environment == world.environment.name
        )
        return [cls._found(world, owned) for owned in ours]

    @classmethod
    def _found(cls, world: World, owned: Owned) -> Existing:
        resource = cls.model_validate_json(owned.mark.spec).model_copy(
            update={"running": owned.power is Power.RUNNING}
        )
        if not owned.mark.made:
            return Existing(resource, tainted="it was left half-made")
        paths = world.paths.machine(resource.name)
        for path in (*chain(paths.disk), world.home.images / resource.image):
            if not path.exists():
                what = "its disk is gone" if path == paths.disk else "what it stands on is gone"
                return Existing(resource, tainted=f"{what} ({path})")
        return Existing(resource)

    # Making needs far more modules than looking, and 'devbox status' only looks: hence the late imports.

    def create(self, world: World) -> None:
        from devbox.resources import cloning, making

        mark = self.mark(world)
        if not cloning.cloned(self, mark, world):
            world.provider.create(making.shape(self, mark, world))
            making.give_identity(self, world)
            making.start(self, world)
        world.provider.remark(mark.but(made=True))

    def update(self, world: World, before: Self, effect: Effect) -> None:
        from devbox.resources import making

        name = domain_name(world.environment.name, self.name)
        if effect is Effect.START and making.power(world, name) in {Power.PAUSED, Power.SUSPENDED}:
            making.wake(self, world)
            return
        mark = next(owned.mark for owned in world.provider.machines() if owned.mark.domain == name)
        making.give_identity(self, world)
        if effect is Effect.LIVE and before.running:
            making.refresh_peers(self, world)
        else:
            world.provider.shutdown(name, timeout=60)
            # The old spec stays on the mark until the machine was seen ready in its new shape, so
            # that an interrupted change is found and made again.
            world.provider.create(making.shape(self, mark, world))
            making.start(self, world)
        world.provider.remark(mark.but(spec=self.spec()))

    def delete(self, world: World) -> None:
        from devbox.resources import making

        world.provider.delete(domain_name(world.environment.name, self.name))
        making.remove_files(world.paths.machine(self.name))

    def spec(self) -> str:
        """The canonical text of what was asked for; whether it runs is read from the provider."""
        return self.model_dump_json(exclude={"running"})

    def mark(self, world: World) -> Mark:
        """What the machine carries from its first moment; playbooks count that ran before it was frozen."""
        origin = str(world.environment.file)
        applied = world.checkpoint.provisioned(self.name) if world.checkpoint else ""
        return Mark(world.environment.name, self.name, origin, self.spec(), provisioned=applied)
