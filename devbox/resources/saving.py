"""Saving a checkpoint: all machines stop at the same moment, are put on disk, and go on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from devbox import seals
from devbox.errors import DevboxError, Refused
from devbox.events import Event, Kind
from devbox.paths import private_folder
from devbox.providers import Frozen, Owned, Power
from devbox.resources import making, room
from devbox.resources.cloning import template_key, thaw
from devbox.resources.machine import MachineResource
from devbox.resources.saved import Checkpoint
from devbox.resources.world import World
from devbox.store import flush, write_manifest

_REST = 120.0


def save(world: World, name: str, target: Path, *, key: str = "") -> None:
    """Put all machines of the environment into the folder ``target``, which appears whole or not at all.

    They stand still meanwhile, and go on standing on the checkpoint. What fails leaves them running
    on their own disks, if need be booted again.
    """
    owned = [one for one in world.provider.machines() if one.mark.environment == world.environment.name]
    _require_running(owned)
    machines = [MachineResource.model_validate_json(one.mark.spec) for one in owned]
    memory = sum(machine.memory for machine in machines)
    room.require(world.home, room.frozen(memory), f"The checkpoint '{name}'")
    shutil.rmtree(world.paths.freezing, ignore_errors=True)
    try:
        for machine in machines:
            making.come_to_rest(machine, world, _REST)
        for machine in machines:
            world.provider.pause(machine.mark(world).domain)
        together(lambda machine: _freeze(machine, world), machines)
        _describe(_checkpoint(name, owned, machines, world), key, world)
        private_folder(target.parent)
        flush(world.paths.freezing)
        world.paths.freezing.rename(target)
    except BaseException:
        _go_on(machines, world)
        raise
    together(lambda machine: _continue(machine, Frozen(target / machine.name, ""), world), machines)


def together(work: Callable[[MachineResource], None], machines: Sequence[MachineResource]) -> None:
    """Do it for all machines at the same time; the first error counts, when all have ended."""
    with ThreadPoolExecutor(len(machines), thread_name_prefix="machines") as pool:
        for future in [pool.submit(work, machine) for machine in machines]:
            future.result()


def _require_running(owned: Sequence[Owned]) -> None:
    idle = [f"'{one.mark.machine}' is {one.power}" for one in owned if one.power is not Power.RUNNING]
    if idle or not owned:
        raise Refused(
            "Only an environment whose machines all run can be saved.",
            details=", ".join(idle) or "It has no machine.",
            advice="Run 'devbox up', then save.",
        )


def _freeze(machine: MachineResource, world: World) -> None:
    folder = world.paths.freezing / machine.name
    paths = world.paths.machine(machine.name)
    world.provider.freeze(machine.mark(world).domain, Frozen(folder, ""))
    # A second name, so that the machine keeps its disk until the checkpoint is whole (see own_disk).
    os.link(paths.disk, folder / "disk.qcow2")
    for file in paths.root.glob("ssh_host_*"):
        shutil.copy2(file, folder / file.name)


def _checkpoint(
    name: str, owned: Sequence[Owned], machines: Sequence[MachineResource], world: World
) -> Checkpoint:
    described = {
        machine.name: {
            "spec": one.mark.spec,
            "provisioned": one.mark.provisioned,
            "maker": template_key(machine, world),
        }
        for one, machine in zip(owned, machines, strict=True)
    }
    brought = {}
    with contextlib.suppress(OSError, ValueError):
        brought = json.loads(world.paths.provisioned.read_text())
    saved = datetime.now(UTC).isoformat(timespec="seconds")
    return Checkpoint(world.paths.freezing, name, saved, described, brought)


def _describe(checkpoint: Checkpoint, key: str, world: World) -> None:
    write_manifest(checkpoint.folder, checkpoint.manifest(key, world.environment.name))
    seals.seal(checkpoint.folder)


def _continue(machine: MachineResource, frozen: Frozen, world: World) -> None:
    world.provider.renew(making.shape(machine, machine.mark(world), world, frozen.disk))
    try:
        thaw(machine, frozen, world, stranger=False)
    except DevboxError as error:
        world.emit(Event(Kind.NOTE, machine.address, f"It was saved and boots now: {error.message}"))
        world.provider.kill(machine.mark(world).domain)
        making.start(machine, world)


def _go_on(machines: Sequence[MachineResource], world: World) -> None:
    """After a failure: those that only stand still go on, those that are off boot."""
    shutil.rmtree(world.paths.freezing, ignore_errors=True)
    for machine in machines:
        try:
            if making.power(world, machine.mark(world).domain) is Power.PAUSED:
                world.provider.resume(machine.mark(world).domain)
            else:
                making.start(machine, world)
        except DevboxError as error:
            text = f"It is off now: {error.message} Run 'devbox start {machine.name}'."
            world.emit(Event(Kind.NOTE, machine.address, text))
