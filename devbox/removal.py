"""Taking away: a whole environment, and what killed runs left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from devbox import locks
from devbox.events import Emit, Event, Kind
from devbox.paths import Home
from devbox.providers import Provider
from devbox.providers.choose import open_provider
from devbox.resources import MachineResource
from devbox.store import Store, age_days, disk_usage


@dataclass(frozen=True)
class Removed:
    """Something that was (or would be) removed; ``bytes`` are those on disk."""

    what: str
    name: str
    bytes: int

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "name": self.name, "bytes": self.bytes}


def environment_machines(name: str, provider: Provider | None = None) -> list[str]:
    """The machines of an environment that exist, half-made ones too."""
    provider = provider or open_provider(Home.default())
    return sorted(owned.mark.machine for owned in provider.machines() if owned.mark.environment == name)


def networks(provider: Provider) -> list[IPv4Network]:
    """The networks of all environments that have machines."""
    return [MachineResource.model_validate_json(owned.mark.spec).cidr for owned in provider.machines()]


def destroy_environment(name: str, emit: Emit) -> None:
    """Remove the machines, then every file of the environment; killed half-way, it can be repeated."""
    home = Home.default()
    provider = open_provider(home)
    paths = home.environment(name)

    def waiting(holder: str) -> None:
        emit(Event(Kind.NOTE, f"environment.{name}", f"waiting for {holder}"))

    with locks.held(paths.lock, doing="destroy", waiting=waiting):
        for owned in provider.machines():
            if owned.mark.environment == name:
                subject = f"machine.{owned.mark.machine}"
                emit(Event(Kind.STARTED, subject, "delete"))
                provider.delete(owned.mark.domain)
                emit(Event(Kind.FINISHED, subject, "deleted"))
        shutil.rmtree(paths.root, ignore_errors=True)
    if not provider.machines():
        provider.close()


def collect(*, older_than_days: float, dry_run: bool) -> list[Removed]:
    """Remove what nothing needs, and say what it was."""
    home = Home.default()
    provider = open_provider(home)
    found = [*_leftovers(home, provider), *_unused_images(home, provider, older_than_days)]
    if not dry_run:
        for path, _ in found:
            _remove(home, path)
        if not provider.machines():
            provider.close()
    return [removed for _, removed in found]


def _leftovers(home: Home, provider: Provider) -> Iterator[tuple[Path, Removed]]:
    for path in Store(home).leftovers():
        yield path, Removed("unfinished build", path.name, disk_usage(path))
    known = {(owned.mark.environment, owned.mark.machine) for owned in provider.machines()}
    environments = sorted(home.environments.iterdir()) if home.environments.is_dir() else []
    for environment in (path for path in environments if path.is_dir()):
        paths = home.environment(environment.name)
        if locks.is_held(paths.lock):
            continue
        machines = sorted(paths.machines.iterdir()) if paths.machines.is_dir() else []
        orphans = [path for path in machines if (environment.name, path.name) not in known]
        if len(orphans) == len(machines):
            yield (
                environment,
                Removed("environment without machines", environment.name, disk_usage(environment)),
            )
            continue
        for path in orphans:
            name = f"{path.name}.{environment.name}"
            yield path, Removed("files of a machine that is gone", name, disk_usage(path))


def _unused_images(home: Home, provider: Provider, days: float) -> Iterator[tuple[Path, Removed]]:
    store = Store(home)
    used = {MachineResource.model_validate_json(owned.mark.spec).image for owned in provider.machines()}
    for key in store.stored():
        if key not in used and age_days(store.last_used(key)) >= days:
            yield home.images / key, Removed("unused image", key[:12], disk_usage(home.images / key))


def _remove(home: Home, path: Path) -> None:
    if path.parent == home.images:
        Store(home).remove(path.name)
    else:
        shutil.rmtree(path, ignore_errors=True)
