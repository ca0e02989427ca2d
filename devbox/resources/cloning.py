"""Machines that start from frozen ones: out of a checkpoint, or as clones of a template."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest import trust
from devbox.guest.agent import Line
from devbox.guest.rehearsal import Rehearsal, greeted
from devbox.paths import private_folder
from devbox.providers import Frozen, Mark
from devbox.resources import making
from devbox.resources.access import endpoint_of, publish
from devbox.resources.world import World
from devbox.seals import Damaged, check
from devbox.store import Shelf, Store

if TYPE_CHECKING:
    from devbox.resources.machine import MachineResource

_FORMAT = 2


def template_key(machine: MachineResource, world: World) -> str:
    """What a template of the machine's layer and shape is called on this host."""
    mark = replace(machine.mark(world), spec="")
    maker = world.provider.maker(making.outline(machine, mark, world))
    trusted = trust.authorities(os.environ).pem
    parts = [_FORMAT, machine.layer or machine.image, int(machine.disk), maker, trusted]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def template_of(machine: MachineResource, world: World) -> Frozen | None:
    """The template to clone the machine from; None where there is none that can be used."""
    if world.cold or not world.provider.capabilities.freezing:
        return None
    key = template_key(machine, world)
    folder = Store(world.home, Shelf.TEMPLATES).find(key)
    return Frozen(folder, key) if folder and (folder / "state").exists() else None


def cloned(machine: MachineResource, mark: Mark, world: World) -> bool:
    """Make the machine from what is frozen; False, and nothing is left, where it has to be booted."""
    saved = world.checkpoint if world.checkpoint and machine.name in world.checkpoint.machines else None
    frozen = saved.frozen(machine.name) if saved else template_of(machine, world)
    if frozen is None:
        return False
    try:
        check(saved.folder if saved else frozen.folder)
    except Damaged as error:
        if saved:
            raise
        _note(machine, world, f"{error.message} The machine boots instead. {error.advice}")
        return False
    world.provider.create(making.shape(machine, mark, world, frozen.disk))
    if saved:
        _take_host_key(frozen.folder, world.paths.machine(machine.name).root)
    making.give_identity(machine, world)
    if saved and not _can_thaw(machine, frozen, world):
        making.start(machine, world)
        return True
    try:
        thaw(machine, frozen, world, stranger=saved is None)
    except DevboxError as error:
        _fall_back(machine, frozen, world, error, stranger=saved is None)
        if saved is None:
            return False
        making.start(machine, world)
    return True


def _can_thaw(machine: MachineResource, frozen: Frozen, world: World) -> bool:
    """Whether what runs in the machine can be had back, or only its disk; that is told."""
    if world.cold:
        return False
    same = frozen.maker == template_key(machine, world)
    if not same:
        text = "It was saved by another QEMU, libvirt or processor, or in another shape, so it boots instead."
        _note(machine, world, text)
    return same


def thaw(machine: MachineResource, frozen: Frozen, world: World, *, stranger: bool) -> None:
    """Start the machine from the frozen one, which was a ``stranger`` or itself; ready when this returns."""
    name = machine.mark(world).domain
    publish(world.home, world.environment.name, machine.peers)
    endpoint = endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
    identity = making.identity_of(machine, world)
    try:
        world.provider.thaw(name, frozen)
    except FileNotFoundError as error:  # another clone failed just now
        raise DevboxError(f"'{name}' can't be thawed: '{frozen.state}' is gone.") from error
    with Line(world.provider.line(name), name) as line:
        world.provider.resume(name)
        rehearsal = Rehearsal(endpoint)
        if stranger:
            sshd_restarts = line.become(identity)
        else:
            sshd_restarts = False
            line.wake()
    if not (greeted(endpoint) if sshd_restarts else rehearsal.greeted()):
        raise DevboxError(f"'{name}' runs, but its sshd does not answer.")


def _fall_back(
    machine: MachineResource, frozen: Frozen, world: World, error: DevboxError, *, stranger: bool
) -> None:
    """Leave nothing of the clone, so that the machine can boot; what failed once is not tried again."""
    _note(
        machine, world, f"It could not be cloned and boots instead: {error.message} {error.details}".strip()
    )
    name = machine.mark(world).domain
    world.provider.kill(name)
    if stranger:
        world.provider.delete(name)
        with contextlib.suppress(FileNotFoundError):  # another clone failed at the same time
            frozen.state.rename(frozen.folder / "state.failed")
    else:
        mark = machine.mark(world)
        world.provider.renew(making.shape(machine, mark, world, frozen.disk))


def _take_host_key(source: Path, target: Path) -> None:
    """A machine out of a checkpoint is the one that was frozen: its sshd runs with this key."""
    private_folder(target)
    for file in source.glob("ssh_host_*"):
        shutil.copy2(file, target / file.name)


def _note(machine: MachineResource, world: World, text: str) -> None:
    world.emit(Event(Kind.NOTE, machine.address, text))
