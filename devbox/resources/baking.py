"""Filling a layer: its playbook runs in a machine of devbox's own, or on the host in the mounted disk.

Both ways leave the same in the folder: a disk that stands on the parent's, cleaned by the same script.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from devbox import process, seals
from devbox.environment import Where
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest.ssh import Endpoint, connect
from devbox.hostbake import Choice, NotOpened, choose, gather
from devbox.layers import Layer
from devbox.paths import private_folder, shipped
from devbox.provision.run import provision
from devbox.resources import host_baking, making, room
from devbox.resources.access import endpoint_of
from devbox.resources.hidden import NAME, hidden_world, machine_of
from devbox.resources.machine import MachineResource
from devbox.resources.world import World
from devbox.store import Shelf, Store, write_manifest

_CLEANING = 300.0
_POWER_OFF = 120.0


def obtain(layer: Layer, subject: str, world: World) -> Path:
    """The layer's folder in the store, filled unless it is there; its parent must be."""

    def told(text: str) -> None:
        world.emit(Event(Kind.PROGRESS, subject, text))

    def make(folder: Path) -> None:
        room.require(world.home, room.LAYER, f"The layer '{layer.label}'")
        disk = folder / "disk.qcow2"
        fill(layer, disk, world)
        process.run(["qemu-img", "check", "-q", disk])
        disk.chmod(0o400)
        write_manifest(folder, layer.manifest())
        seals.seal(folder)

    store = Store(world.home, Shelf.LAYERS)
    name = f"the layer '{layer.label}'"
    return store.obtain(name, layer.key, make, lambda holder: told(f"waiting for {holder}"))


def choice_of(layer: Layer, world: World) -> Choice:
    """Where the layer's playbook is baked, and why there."""
    host = world.bake_host or gather()
    return choose(
        world.environment.bake_in,
        needs_guest=world.playbooks.find(layer.playbook).needs_guest,
        architecture=world.boxes[layer.box].architecture if layer.box in world.boxes else host.architecture,
        host=host,
    )


def fill(layer: Layer, disk: Path, world: World) -> None:
    """By the way that was chosen; a host that turns out not to be able is no reason to fail."""
    choice = choice_of(layer, world)
    if choice.where is Where.GUEST:
        in_guest(layer, disk, world)
        return
    try:
        host_baking.bake(layer, machine_for(layer, world), disk, world, lambda there: clean(there, layer))
    except NotOpened as error:
        if world.environment.bake_in is Where.HOST:
            raise
        shutil.rmtree(disk.parent)
        private_folder(disk.parent)
        text = f"baked in a machine: {error.message} {error.details}".strip()
        world.emit(Event(Kind.NOTE, f"layer.{layer.key[:12]}", text))
        in_guest(layer, disk, world)


def in_guest(layer: Layer, disk: Path, world: World) -> None:
    """Boot a machine on the parent, run the playbook in it, clean up, and move its disk to ``disk``."""
    like = machine_for(layer, world)
    with hidden_world("layer", layer.key, like, world, playbook=layer.playbook) as inside:
        machine = machine_of(inside, like)
        mark = machine.mark(inside)
        inside.provider.create(making.shape(machine, mark, inside))
        making.give_identity(machine, inside)
        making.start(machine, inside)
        endpoint = endpoint_of(inside.home, inside.environment.name, NAME, machine.ip)
        # Playbooks that ask systemd for something are to find a boot that is over.
        making.come_to_rest(machine, inside, inside.boot_timeout)
        provision(inside.environment, {NAME: endpoint}, inside.home, inside.emit, strategy=inside.strategy)
        clean(endpoint, layer)
        inside.provider.shutdown(mark.domain, _POWER_OFF)
        inside.paths.machine(NAME).disk.rename(disk)


def clean(endpoint: Endpoint, layer: Layer) -> None:
    """Take away what tells who made the layer, where and for whom."""
    script = (shipped("templates") / "layer" / "clean.sh").read_bytes()
    with connect(endpoint, timeout=60) as session:
        cleaned = session.run(["sudo", "sh", "-s"], stdin=script, timeout=_CLEANING)
    if cleaned.status != 0:
        raise DevboxError(
            f"The disk that became the layer '{layer.label}' could not be cleaned.",
            details=cleaned.stderr,
            advice="Run the command again; what was baked below it is kept.",
        )


def machine_for(layer: Layer, world: World) -> MachineResource:
    """Shaped like the machine that asks for the layer, standing on its parent."""
    name = next(name for name, layers in world.layers.items() if layer in layers)
    spec = world.environment.machine(name)
    assert spec is not None
    below = "" if layer.parent == layer.image else layer.parent
    return MachineResource.wanted(spec, layer.image, world.environment.cidr, {}, layer=below)
