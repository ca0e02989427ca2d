"""The checkpoint that is made when all machines are new and all playbooks have run: ``ready``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import ClassVar, Self

from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest import keys
from devbox.plan import Effect, Existing, Resource
from devbox.resources.machine import MachineResource
from devbox.resources.saved import FORMAT, READY, Checkpoint, load_checkpoint
from devbox.resources.world import World
from devbox.seals import Damaged, check
from devbox.store import Shelf, Store


class CheckpointResource(Resource):
    """``key`` is the digest of all that the machines were made from; ``machines`` are their names."""

    kind: ClassVar[str] = "checkpoint"

    key: str
    environment: str
    machines: tuple[str, ...]

    def needs(self) -> Sequence[str]:
        return [*(f"machine.{name}" for name in self.machines), f"provisioning.{self.environment}"]

    @classmethod
    def read(cls, _world: World) -> list[Existing]:
        """Whether there is one is asked before machines are made; it is no part of what they are."""
        return []

    def create(self, world: World) -> None:
        """An environment can do without: what goes wrong here is told, and the machines go on."""
        from devbox.resources.saving import save

        target = Store(world.home, Shelf.CHECKPOINTS).root / self.key
        if target.exists():
            return
        try:
            save(world, READY, target, key=self.key)
        except DevboxError as error:
            why = f"{error.message} {error.details}".strip()
            text = f"There is no checkpoint '{READY}', so 'devbox reset' will run the playbooks: {why}"
            world.emit(Event(Kind.NOTE, self.address, text))

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """'devbox gc' removes those that were not used for long."""


def ready_key(machines: Sequence[MachineResource], provisioning: dict[str, str], world: World) -> str:
    """What the checkpoint ``ready`` of these machines, with these playbooks applied, is called."""
    from devbox.resources.cloning import template_key

    parts = {
        "format": FORMAT,
        "environment": world.environment.name,
        "key": keys.ensure(world.home.key, "devbox").public,
        "machines": [[machine.spec(), template_key(machine, world)] for machine in machines],
        "playbooks": provisioning,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def find_ready(key: str, world: World) -> Checkpoint | None:
    """The checkpoint of that key; None where there is none, or none that can be used."""
    folder = Store(world.home, Shelf.CHECKPOINTS).find(key)
    if folder is None:
        return None
    try:
        check(folder)
        return load_checkpoint(folder)
    except Damaged as error:
        world.emit(Event(Kind.NOTE, f"checkpoint.{READY}", f"{error.message} The machines are made anew."))
    except DevboxError as error:
        world.emit(Event(Kind.NOTE, f"checkpoint.{READY}", error.message))
    return None
