"""A template: a layer or image that was booted once and frozen, for machines to be cloned from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Self

from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.plan import Effect, Existing, Resource
from devbox.providers import Frozen, Power
from devbox.qcow2 import chain
from devbox.resources import room
from devbox.resources.hidden import hidden_world, machine_of
from devbox.resources.machine import MachineResource
from devbox.resources.world import World
from devbox.store import Shelf, Store, write_manifest

_FORMAT = 1


class TemplateResource(Resource):
    """``machine`` is one of those that will be cloned from it; ``label`` tells people what is in it."""

    kind: ClassVar[str] = "template"

    key: str
    label: str
    machine: MachineResource

    @classmethod
    def wanted(cls, machine: MachineResource, world: World) -> Self:
        from devbox.resources.cloning import template_key

        layers = world.layers.get(machine.name, ())
        label = layers[-1].label if layers else machine.box
        return cls(name=machine.template, key=template_key(machine, world), label=label, machine=machine)

    def needs(self) -> Sequence[str]:
        return self.machine.needs()

    @classmethod
    def read(cls, _world: World) -> list[Existing]:
        """Whether there is one is asked of those that are wanted; the others are no business of a plan."""
        return []

    def create(self, world: World) -> None:
        """A machine can do without: what goes wrong here is told, and the machine boots."""
        try:
            obtain(self, world)
        except DevboxError as error:
            text = f"There will be no template, so machines boot: {error.message} {error.details}"
            world.emit(Event(Kind.NOTE, self.address, text.strip()))

    def update(self, world: World, before: Self, effect: Effect) -> None:
        self.create(world)

    def delete(self, world: World) -> None:
        """Templates are a cache; 'devbox gc' removes those that nothing stands on."""


def obtain(template: TemplateResource, world: World) -> Path:
    """The template's folder in the store, made unless it is there."""
    from devbox import seals

    def told(text: str) -> None:
        world.emit(Event(Kind.PROGRESS, template.address, text))

    def make(folder: Path) -> None:
        room.require(world.home, room.frozen(template.machine.memory), "A template")
        with hidden_world("template", template.key, template.machine, world) as inside:
            machine = machine_of(inside, template.machine)
            _boot_and_freeze(machine, Frozen(folder, template.key), inside, told)
        manifest = {
            "format": _FORMAT,
            "kind": "template",
            "key": template.key,
            "base": machine.layer or machine.image,
            "label": template.label,
            "cpus": machine.cpus,
            "memory": int(machine.memory),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_manifest(folder, manifest)
        seals.seal(folder)

    store = Store(world.home, Shelf.TEMPLATES)
    _forget_what_failed(template.key, store, world)
    return store.obtain("the template", template.key, make, lambda holder: told(f"waiting for {holder}"))


def _forget_what_failed(key: str, store: Store, world: World) -> None:
    """A template that did not thaw is made anew, unless disks of machines still stand on its own."""
    folder = store.find(key)
    if folder is None or (folder / "state").exists():
        return
    environments, checkpoints = world.home.environments, world.home.checkpoints
    disks = [
        *environments.glob("*/machines/*/disk.qcow2"),
        *environments.glob("*/checkpoints/*/*/disk.qcow2"),
        *checkpoints.glob("*/*/disk.qcow2"),
    ]
    if any(base.resolve().is_relative_to(folder.resolve()) for disk in disks for base in chain(disk)):
        raise DevboxError(
            "A template of this shape failed before, and machines or checkpoints still stand on its disk."
        )
    store.remove(key)


def _boot_and_freeze(
    machine: MachineResource, frozen: Frozen, inside: World, told: Callable[[str], None]
) -> None:
    from devbox.guest.agent import Line
    from devbox.guest.identity import template_archive
    from devbox.resources import making
    from devbox.resources.access import write_private

    mark = machine.mark(inside)
    provider, name, paths = inside.provider, mark.domain, inside.paths.machine(machine.name)
    provider.create(replace(making.shape(machine, mark, inside), forwards=()))
    write_private(paths.identity, template_archive(making.identity_of(machine, inside)))
    provider.start(name)
    told("booting")

    def still_there() -> None:
        if making.power(inside, name) is not Power.RUNNING:
            said = making.console_tail(paths.console)
            raise DevboxError("The machine that was to be frozen ended.", details=said[-2000:])

    with Line(provider.line(name), name) as line:
        failed = line.rest(inside.boot_timeout, still_there)
    if failed:
        told(f"frozen although these units failed: {', '.join(failed)}")
    told("freezing")
    provider.pause(name)
    provider.freeze(name, frozen)
    paths.disk.rename(frozen.disk)
