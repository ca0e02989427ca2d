"""From what devbox.yml asks for and what exists to a plan: which machines are made, and out of what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from devbox.apply import read_timings
from devbox.environment import Where
from devbox.layers import layers_for, why_missing
from devbox.plan import Action, Change, Effect, Existing, Plan, Resource, decide
from devbox.resources import (
    CheckpointResource,
    ImageResource,
    LayerResource,
    MachineResource,
    ProvisioningResource,
    TemplateResource,
)
from devbox.resources.baking import choice_of
from devbox.resources.layer import layers_of
from devbox.resources.provisioning import what_changed
from devbox.resources.saved import READY, Checkpoint
from devbox.resources.world import World

MADE = (Action.CREATE, Action.REPLACE)


@dataclass(frozen=True)
class Decision:
    """A plan, and the world in which it is to be applied."""

    plan: Plan
    world: World


def prepared(world: World) -> World:
    """The same world, knowing the keys of the images and layers that its machines ask for."""
    from devbox.build import image_key

    environment = world.environment
    boxes = sorted({machine.box for machine in environment.machines})
    images = {box: image_key(world.boxes[box], world.home) for box in boxes}
    layers = {
        machine.name: layers_for(
            machine.box, images[machine.box], machine.bake, world.playbooks, environment.vars
        )
        for machine in environment.machines
    }
    return replace(world, images=images, layers=layers)


def decide_up(world: World, *, remake: Collection[str] = ()) -> Decision:
    """Everything as devbox.yml says; ``remake`` names machines by address that are made anew anyway."""
    wanted, machines = desired(world), wanted_machines(world)
    existing = _existing(world)
    first = decide(wanted, existing, remake=remake)
    made = _made(first, machines)
    digests = world.playbooks.digests(world.environment, baked=True)
    warm = bool(made) and not world.cold and world.provider.capabilities.freezing
    if warm and digests:
        from devbox.resources.checkpoint import find_ready, ready_key

        key = ready_key(machines, digests, world)
        world = replace(world, checkpoint=find_ready(key, world))
        if world.checkpoint is not None:
            world = replace(world, coming=frozenset(machine.name for machine in made))
            existing = _existing(world)
        elif len(made) == len(machines):
            names = tuple(machine.name for machine in machines)
            name = world.environment.name
            wanted.append(CheckpointResource(name=READY, key=key, environment=name, machines=names))
    cloned = [] if world.checkpoint else made
    if not world.cold and world.provider.capabilities.freezing:
        # A machine of another shape keeps its disk, so it boots; the next 'reset' is to find a template.
        wanted += _templates([*cloned, *_reshaped(first, machines)], world)
    return Decision(_decided(wanted, existing, remake, world), world)


def layer_states(world: World) -> list[tuple[str, str, str]]:
    """Label, key and, where it has to be baked, why, of each layer that the machines ask for."""
    there = {entry.resource.address for entry in LayerResource.read(world)}
    return [
        (
            layer.label,
            key,
            "" if LayerResource.wanted(layer, below).address in there else why_missing(world.home, layer),
        )
        for key, (layer, below) in layers_of(world).items()
    ]


def decide_reset(world: World, names: Collection[str], to: str, checkpoint: Checkpoint | None) -> Decision:
    """The named machines made anew from their images (``base``), layers (``baked``) or a checkpoint.

    No playbook is run: 'devbox up' does what is missing.
    """
    if to == "base":
        world = replace(world, layers={})
    if checkpoint is not None:
        specs = [MachineResource.model_validate_json(one["spec"]) for one in checkpoint.machines.values()]
        world = replace(world, checkpoint=checkpoint, coming=frozenset(names))
    else:
        specs = wanted_machines(world)
    machines = [machine for machine in specs if machine.name in names]
    wanted: list[Resource] = [*_stood_on(world), *machines] if checkpoint is None else [*machines]
    existing = [
        entry for entry in _existing(world) if entry.resource.address in {one.address for one in wanted}
    ]
    remake = {machine.address for machine in machines}
    if checkpoint is None and not world.cold and world.provider.capabilities.freezing:
        wanted += _templates(machines, world)
    return Decision(_decided(wanted, existing, remake, world), world)


def desired(world: World) -> list[Resource]:
    """What devbox.yml asks for, as resources; what only makes it quicker is not among them."""
    environment = world.environment
    digests = world.playbooks.digests(environment, baked=True)
    provisioning: list[Resource] = (
        [ProvisioningResource(name=environment.name, playbooks=digests)] if digests else []
    )
    return [*_stood_on(world), *wanted_machines(world), *provisioning]


def wanted_machines(world: World) -> list[MachineResource]:
    environment = world.environment
    peers = {machine.name: machine.ip for machine in environment.machines}
    return [
        MachineResource.wanted(
            machine,
            world.images.get(machine.box, ""),
            environment.cidr,
            peers,
            layer=world.layer_of(machine.name),
        )
        for machine in environment.machines
    ]


def _stood_on(world: World) -> list[Resource]:
    images: list[Resource] = [ImageResource(name=box, key=key) for box, key in sorted(world.images.items())]
    layers = [LayerResource.wanted(layer, below) for layer, below in layers_of(world).values()]
    return [*images, *layers]


def _templates(made: Sequence[MachineResource], world: World) -> list[Resource]:
    """One for each shape, unless the store has it."""
    from devbox.resources.cloning import template_of

    missing = [machine for machine in made if template_of(machine, world) is None]
    return list({one.template: TemplateResource.wanted(one, world) for one in missing}.values())


def _existing(world: World) -> list[Existing]:
    kinds = (ImageResource, LayerResource, MachineResource, ProvisioningResource)
    return [entry for kind in kinds for entry in kind.read(world)]


def _made(plan: Plan, machines: Sequence[MachineResource]) -> list[MachineResource]:
    made = {change.address for change in plan.changes if change.action in MADE}
    return [machine for machine in machines if machine.address in made]


def _reshaped(plan: Plan, machines: Sequence[MachineResource]) -> list[MachineResource]:
    restarted = {change.address for change in plan.changes if change.effect is Effect.RESTART}
    return [machine for machine in machines if machine.address in restarted]


def _decided(
    wanted: Sequence[Resource], existing: Sequence[Existing], remake: Collection[str], world: World
) -> Plan:
    plan = decide(wanted, existing, remake=remake, timings=read_timings(world.home.timings))
    brought = [change.address for change in plan.changes if _brought_along(change, world)]
    changes = (replace(one, reason=_reason(one, world)) for one in plan.changes if one.address not in brought)
    layers = (one for one in wanted if isinstance(one, LayerResource) and one.address in plan.unchanged)
    return replace(
        plan,
        changes=tuple(changes),
        unchanged=(*plan.unchanged, *brought),
        cached=tuple((layer.address, layer.label) for layer in layers),
    )


def _brought_along(change: Change, world: World) -> bool:
    """Whether playbooks would run only since machines are made, which were frozen after the same ones."""
    again = isinstance(change.resource, ProvisioningResource) and change.action is Action.UPDATE
    return world.checkpoint is not None and again and not change.differences


def _reason(change: Change, world: World) -> str:
    """Why, in words: what differs in files and variables, and what a machine comes out of."""
    resource = change.resource
    if isinstance(resource, ProvisioningResource) and change.differences and not change.reason:
        return what_changed(world)
    if isinstance(resource, LayerResource) and change.action is Action.CREATE:
        layer = layers_of(world)[resource.key][0]
        choice = choice_of(layer, world)
        where = "on this host" if choice.where is Where.HOST else "in a machine"
        return f"{resource.label}: {why_missing(world.home, layer)}; baked {where}, {choice.why}"
    if isinstance(resource, TemplateResource):
        return f"{resource.label}: machines are cloned from it"
    if isinstance(resource, CheckpointResource):
        return "saved for 'devbox reset', when all playbooks have run"
    if isinstance(resource, MachineResource) and resource.name in world.coming and world.checkpoint:
        return ", ".join(filter(None, [change.reason, f"from the checkpoint '{world.checkpoint.name}'"]))
    return change.reason
