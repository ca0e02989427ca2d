"""Filling a layer: its playbook runs in a machine of devbox's own, whose disk is kept.

Another way to fill one has to leave the same in the folder: a disk that stands on the parent's.
"""

from __future__ import annotations

from pathlib import Path

from devbox import process, seals
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest.ssh import connect
from devbox.layers import Layer
from devbox.paths import shipped
from devbox.provision.run import provision
from devbox.resources import making, room
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
        in_guest(layer, disk, world)
        process.run(["qemu-img", "check", "-q", disk])
        disk.chmod(0o400)
        write_manifest(folder, layer.manifest())
        seals.seal(folder)

    store = Store(world.home, Shelf.LAYERS)
    name = f"the layer '{layer.label}'"
    return store.obtain(name, layer.key, make, lambda holder: told(f"waiting for {holder}"))


def in_guest(layer: Layer, disk: Path, world: World) -> None:
    """Boot a machine on the parent, run the playbook in it, clean up, and move its disk to ``disk``."""
    like = _machine(layer, world)
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
        with connect(endpoint, timeout=60) as session:
            script = (shipped("templates") / "layer" / "clean.sh").read_bytes()
            cleaned = session.run(["sudo", "sh", "-s"], stdin=script, timeout=_CLEANING)
        if cleaned.status != 0:
            raise DevboxError(
                f"The machine that became the layer '{layer.label}' could not be cleaned.",
                details=cleaned.stderr,
                advice="Run the command again; what was baked below it is kept.",
            )
        inside.provider.shutdown(mark.domain, _POWER_OFF)
        inside.paths.machine(NAME).disk.rename(disk)


def _machine(layer: Layer, world: World) -> MachineResource:
    """Shaped like the machine that asks for the layer, standing on its parent."""
    name = next(name for name, layers in world.layers.items() if layer in layers)
    spec = world.environment.machine(name)
    assert spec is not None
    below = "" if layer.parent == layer.image else layer.parent
    return MachineResource.wanted(spec, layer.image, world.environment.cidr, {}, layer=below)
