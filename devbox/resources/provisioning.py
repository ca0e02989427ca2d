"""The playbooks of an environment, run over all its machines together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from devbox.plan import Effect, Existing, Resource
from devbox.resources.world import World


class ProvisioningResource(Resource):
    """``playbooks`` maps each machine to the digest of its playbooks, their roles and variables."""

    kind: ClassVar[str] = "provisioning"

    playbooks: Annotated[dict[str, str], Effect.REPROVISION]

    def needs(self) -> Sequence[str]:
        return [f"machine.{machine}" for machine in sorted(self.playbooks)]

    @classmethod
    def read(cls, world: World) -> list[Existing]:
        applied = {
            owned.mark.machine: owned.mark.provisioned
            for owned in world.provider.machines()
            if owned.mark.environment == world.environment.name and owned.mark.provisioned
        }
        return [Existing(cls(name=world.environment.name, playbooks=applied))] if applied else []

    def create(self, world: World) -> None:
        from devbox.provision.run import provision
        from devbox.resources.access import endpoint_of

        endpoints = {
            machine.name: endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
            for machine in world.environment.machines
        }
        provision(world.environment, endpoints, world.home, world.emit, strategy=world.strategy)
        for owned in world.provider.machines():
            digest = self.playbooks.get(owned.mark.machine)
            if digest and owned.mark.environment == world.environment.name:
                world.provider.remark(owned.mark.but(provisioned=digest))

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """What playbooks did stays in the machine until it is reset."""
