"""The playbooks of an environment, run over all its machines together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

from devbox.plan import Effect, Existing, Resource
from devbox.resources.world import World

_SHOWN = 3


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
        if world.checkpoint is not None:  # what comes out of it has its playbooks applied
            applied |= {machine: world.checkpoint.provisioned(machine) for machine in world.coming}
        return [Existing(cls(name=world.environment.name, playbooks=applied))] if applied else []

    def create(self, world: World) -> None:
        from devbox.provision.run import provision
        from devbox.resources.access import endpoint_of, write_private

        endpoints = {
            machine.name: endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
            for machine in world.environment.machines
        }
        provision(world.environment, endpoints, world.home, world.emit, strategy=world.strategy)
        # Only for telling later what changed; the marks are what counts.
        write_private(world.paths.provisioned, world.playbooks.brought_json(world.environment, baked=True))
        for owned in world.provider.machines():
            digest = self.playbooks.get(owned.mark.machine)
            if digest and owned.mark.environment == world.environment.name:
                world.provider.remark(owned.mark.but(provisioned=digest))

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """What playbooks did stays in the machine until it is reset."""


def what_changed(world: World) -> str:
    """Which files and variables differ from those of the last run; empty where that is not known."""
    try:
        before = json.loads(world.paths.provisioned.read_text())
    except (OSError, ValueError):
        return ""
    reasons: list[str] = []
    for machine in world.environment.machines:
        if isinstance(known := before.get(machine.name), dict):
            reasons += world.playbooks.brought(machine, world.environment.vars, baked=True).reasons(known)
    shown = list(dict.fromkeys(reasons))
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more
