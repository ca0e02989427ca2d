"""Taking away: a whole environment, and what killed runs left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from devbox import locks, stored
from devbox.events import Emit, Event, Kind
from devbox.paths import Home
from devbox.providers import Provider
from devbox.providers.choose import open_provider
from devbox.resources import MachineResource
from devbox.resources.hidden import sweep
from devbox.resources.saved import saved_checkpoints
from devbox.seals import Damaged
from devbox.store import Store, age_days, disk_usage
from devbox.stored import Stock, Thing, take_stock
from devbox.units import Size


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


def checkpoints_of(name: str) -> list[str]:
    """The checkpoints that the user saved of the environment."""
    return [checkpoint.name for checkpoint in saved_checkpoints(Home.default().environment(name))]


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


@dataclass(frozen=True)
class Collected:
    """What was (or would be) removed, and what is damaged but stays, because something stands on it."""

    removed: list[Removed]
    damaged: list[Damaged]


def collect(
    *, older_than_days: float, dry_run: bool, max_size: Size | None = None, damaged: bool = False
) -> Collected:
    """Remove what nothing needs, and say what it was; ``damaged`` reads everything to find damage."""
    home = Home.default()
    provider = open_provider(home)
    if not dry_run:
        sweep(home, provider)
    broken = stored.damaged(survey(home, provider)[0]) if damaged else {}
    stock, leftovers = survey(home, provider)
    goes = unneeded(stock, older_than_days=older_than_days, max_size=max_size, broken=broken.keys())
    gone = goes if dry_run else _drop(home, stock, goes)
    removed = [*(one for _, one in leftovers), *(_removed(thing, broken) for thing in gone)]
    if not dry_run:
        for path, _ in leftovers:
            shutil.rmtree(path, ignore_errors=True)
        if not provider.machines():
            provider.close()
    return Collected(removed, [broken[folder] for folder in sorted(broken) if folder in stock.in_use])


def survey(home: Home, provider: Provider) -> tuple[Stock, list[tuple[Path, Removed]]]:
    """What there is, and the leftovers of killed runs, which are no part of it."""
    found = list(_leftovers(home, provider))
    stock = take_stock(home, provider.machines(), [path for path, _ in found])
    needed = {file for thing in stock.things if thing.held for file in thing.files}
    stand_in = [path for path, _ in found if any(file.is_relative_to(path.resolve()) for file in needed)]
    return stock, [(path, removed) for path, removed in found if path not in stand_in]


def unneeded(
    stock: Stock,
    *,
    older_than_days: float,
    max_size: Size | None = None,
    broken: AbstractSet[Path] = frozenset(),
) -> list[Thing]:
    """What goes, in an order that leaves nothing without what it stands on.

    That is: what is ``broken`` with all on it, what was not used for so long, and of the rest the
    least recently used until the store has ``max_size``; never what is in use.
    """
    free = {thing.folder: thing for thing in stock.shelved if thing.folder not in stock.in_use}
    bad = broken & free.keys()
    goes = {folder for folder in free if folder in bad or stock.below[folder] & bad}
    young = {folder for folder in free.keys() - goes if age_days(free[folder].last_used) < older_than_days}
    goes = free.keys() - young.union(*(stock.below[folder] for folder in young))
    if max_size is not None:
        goes |= _excess(stock, free.keys() - goes, max_size)
    return sorted(
        (free[folder] for folder in goes),
        key=lambda thing: (-len(stock.below[thing.folder]), thing.last_used, thing.folder),
    )


def _excess(stock: Stock, kept: AbstractSet[Path], max_size: Size) -> set[Path]:
    """Those of ``kept`` that have to go, the least recently used first of what nothing stands on."""
    things = {thing.folder: thing for thing in stock.shelved}
    left, goes = set(kept), set[Path]()
    size = sum(thing.bytes for thing in stock.shelved if thing.folder in stock.in_use | kept)
    while size > max_size:
        carrying = set[Path]().union(*(stock.below[folder] for folder in left))
        tops = left - carrying
        if not tops:
            break
        oldest = min(tops, key=lambda folder: (things[folder].last_used, folder))
        left.remove(oldest)
        goes.add(oldest)
        size -= things[oldest].bytes
    return goes


def _removed(thing: Thing, broken: Mapping[Path, Damaged]) -> Removed:
    state = "damaged" if thing.folder in broken else "unused"
    return Removed(f"{state} {thing.kind}", thing.key[:12], thing.bytes)


def _drop(home: Home, stock: Stock, goes: list[Thing]) -> list[Thing]:
    """Remove these, except what somebody came to use since we looked, and what that stands on."""
    gone = []
    spared = set[Path]()
    for thing in goes:
        store = Store(home, thing.shelf)
        with locks.held(home.locks / f"{thing.key}.lock", doing="gc", waiting=lambda _: None):
            if store.find(thing.key) is None:
                continue
            if thing.folder in spared or store.last_used(thing.key) != thing.last_used:
                spared |= stock.below[thing.folder]
                continue
            store.remove(thing.key)
        gone.append(thing)
    return gone


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
        saved = paths.checkpoints.is_dir() and any(paths.checkpoints.iterdir())
        if len(orphans) == len(machines) and not saved:
            yield (
                environment,
                Removed("environment without machines", environment.name, disk_usage(environment)),
            )
            continue
        for path in orphans:
            name = f"{path.name}.{environment.name}"
            yield path, Removed("files of a machine that is gone", name, disk_usage(path))
