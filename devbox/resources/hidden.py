"""Machines of devbox's own, made to fill a layer or to be frozen, and gone afterwards."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

from devbox import locks
from devbox.environment import MachineSpec
from devbox.paths import Home
from devbox.providers import Provider
from devbox.resources.machine import MachineResource
from devbox.resources.world import World
from devbox.store import Store

NAME = "builder"
_LINK_LOCAL = IPv4Address("169.254.0.0")  # RFC 3927: no environment of a user can have it
_DOT = "."  # no environment of a user has one in its name


@contextmanager
def hidden_world(
    kind: str, key: str, like: MachineResource, world: World, *, playbook: str = ""
) -> Iterator[World]:
    """A world with one machine shaped like ``like``, in an environment that nobody else can name.

    What a killed run left of the same is removed first, and everything at the end, come what may.
    """
    inside = apart(kind, key, like, world, playbook=playbook)
    name = inside.environment.name

    def waiting(holder: str) -> None:
        """Only a sweep holds it for a moment: the store's own lock is around us."""

    with locks.held(inside.paths.lock, doing=kind, waiting=waiting):
        _remove(name, world.home, world.provider)
        try:
            yield inside
        finally:
            _remove(name, world.home, world.provider)
            inside.paths.lock.unlink(missing_ok=True)  # nobody else waits for it: see above


def apart(kind: str, key: str, like: MachineResource, world: World, *, playbook: str) -> World:
    """The same world with this one machine in its environment; nothing is made yet."""
    cidr = _network(key)
    provision = (playbook,) if playbook else ()
    spec = MachineSpec(NAME, like.box, cidr[2], like.cpus, like.memory, like.disk, provision=provision)
    environment = replace(world.environment, name=f"{kind}{_DOT}{key[:12]}", cidr=cidr, machines=(spec,))
    return replace(world, environment=environment, layers={}, checkpoint=None, cold=True)


def machine_of(inside: World, like: MachineResource) -> MachineResource:
    """The one machine in a hidden world, standing on what ``like`` stands on."""
    spec = inside.environment.machines[0]
    peers = {spec.name: spec.ip}
    return MachineResource.wanted(spec, like.image, inside.environment.cidr, peers, layer=like.layer)


def sweep(home: Home, provider: Provider) -> None:
    """Remove hidden machines whose makers were killed, and what they had begun to fill."""
    Store(home).sweep()
    names = {owned.mark.environment for owned in provider.machines()}
    names |= {path.name for path in home.environments.glob(f"*{_DOT}*") if path.is_dir()}
    for name in sorted(name for name in names if _DOT in name.strip(_DOT)):
        with locks.held_if_free(home.environment(name).lock, doing="sweep") as free:
            if free:
                _remove(name, home, provider)


def _remove(name: str, home: Home, provider: Provider) -> None:
    for owned in provider.machines():
        if owned.mark.environment == name:
            provider.delete(owned.mark.domain)
    shutil.rmtree(home.environment(name).root, ignore_errors=True)


def _network(key: str) -> IPv4Network:
    """One of 16,000 networks with four addresses; two that are made at the same time hardly meet."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:2]) % (1 << 14)
    return IPv4Network((int(_LINK_LOCAL) + 4 * number, 30))
