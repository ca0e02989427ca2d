"""What the store holds, and what stands on what: images, layers, templates, checkpoints, machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from devbox import locks, qcow2, seals
from devbox.paths import Home
from devbox.providers import Owned, domain_name
from devbox.store import Shelf, Store, disk_usage
from devbox.store import manifest as manifest_of

_BASES = ("parent", "image", "base")  # the fields of a manifest that name another stored thing
_DISKS = "*.qcow2*"  # also those that are still being made
_SAVED = "saved checkpoint"


@dataclass(frozen=True)
class Thing:
    """A stored thing, or one that stands on such: a machine, a saved checkpoint, an unfinished build.

    ``held`` ones are needed for their own sake; the others are a cache. ``bases`` are the folders
    of what it stands on, ``files`` all that its disks consist of.
    """

    kind: str
    name: str
    folder: Path
    key: str = ""
    bytes: int = 0
    last_used: float = 0.0
    held: bool = False
    bases: frozenset[Path] = frozenset()
    files: frozenset[Path] = field(default=frozenset(), repr=False)

    @property
    def shelf(self) -> Shelf:
        return Shelf(f"{self.kind}s")


@dataclass(frozen=True)
class Stock:
    """All things at one moment."""

    things: tuple[Thing, ...]

    @cached_property
    def below(self) -> dict[Path, frozenset[Path]]:
        """For each thing's folder those of all that it stands on, directly or not."""
        bases = {thing.folder: thing.bases for thing in self.things}
        found = {}
        for folder, own in bases.items():
            seen: set[Path] = set()
            todo = list(own)
            while todo:
                base = todo.pop()
                if base not in seen and base != folder:
                    seen.add(base)
                    todo.extend(bases.get(base, ()))
            found[folder] = frozenset(seen)
        return found

    @cached_property
    def in_use(self) -> frozenset[Path]:
        """The folders of what is needed for its own sake, and of all that it stands on."""
        held = {thing.folder for thing in self.things if thing.held}
        return frozenset(held.union(*(self.below[folder] for folder in held)))

    @property
    def shelved(self) -> list[Thing]:
        """Those of the store itself."""
        return [thing for thing in self.things if thing.key]

    def above(self, folder: Path) -> list[Thing]:
        """All that stands on it, directly or not."""
        return [thing for thing in self.things if folder in self.below[thing.folder]]

    def next_below(self, thing: Thing) -> frozenset[Path]:
        """What it stands on directly."""
        below = self.below[thing.folder]
        return frozenset(
            base for base in below if not any(base in self.below.get(other, ()) for other in below)
        )


def take_stock(home: Home, owned: Sequence[Owned], apart: Sequence[Path] = ()) -> Stock:
    """Read what there is; ``apart`` are folders of leftovers, which need nothing."""
    shelves = [Store(home, shelf) for shelf in Shelf]
    folders = [store.root / key for store in shelves for key in store.stored()]
    entries = {folder.resolve(): folder for folder in folders}
    by_key = {folder.name: folder for folder in folders}

    def thing(kind: str, name: str, folder: Path, names: Sequence[str], **more: Any) -> Thing:
        disks = folder.rglob(_DISKS) if folder.is_dir() else ()
        files = frozenset(file.resolve() for disk in disks for file in qcow2.chain(disk))
        bases = {entries[parent] for file in files for parent in file.parents if parent in entries}
        bases |= {by_key[name] for name in names if name in by_key}
        return Thing(kind, name, folder, files=files, bases=frozenset(bases - {folder}), **more)

    shelved = [_shelved(store, key, thing) for store in shelves for key in store.stored()]
    users = [one for one in _users(home, owned, thing) if not any(map(one.folder.is_relative_to, apart))]
    return Stock((*shelved, *users))


_Make = Callable[..., Thing]


def _shelved(store: Store, key: str, make: _Make) -> Thing:
    folder = store.root / key
    manifest = manifest_of(folder)
    return make(
        store.shelf.removesuffix("s"),
        _label(manifest),
        folder,
        _named(manifest),
        key=key,
        bytes=disk_usage(folder),
        last_used=store.last_used(key),
        held=locks.is_held(store.home.locks / f"{key}.lock"),
    )


def _users(home: Home, owned: Sequence[Owned], make: _Make) -> Iterator[Thing]:
    """What is no cache. Folders count even where no machine is known: one may just be made."""
    specs = {(one.mark.environment, one.mark.machine): json.loads(one.mark.spec) for one in owned}
    found = {(path.parent.parent.name, path.name) for path in home.environments.glob("*/machines/*")}
    for environment, machine in sorted(found | set(specs)):
        spec = specs.get((environment, machine), {})
        folder = home.environment(environment).machine(machine).root
        names = [value for value in spec.values() if isinstance(value, str)]
        yield _held(make, "machine", domain_name(environment, machine), folder, names)
    for folder in sorted(home.environments.glob("*/checkpoints/*")):
        name = f"{folder.name.partition('.')[0]}.{folder.parent.parent.name}"
        yield _held(make, _SAVED, name, folder, _named(manifest_of(folder)))
    for folder in sorted([*home.environments.glob("*/freezing"), *home.staging.glob("*")]):
        yield _held(make, "unfinished build", folder.name, folder, _named(manifest_of(folder)))


def _held(make: _Make, kind: str, name: str, folder: Path, names: Sequence[str]) -> Thing:
    size = disk_usage(folder) if folder.exists() else 0
    return make(kind, name, folder, names, bytes=size, held=True)


def damaged(stock: Stock) -> dict[Path, seals.Damaged]:
    """Read all that is stored, saved checkpoints too; by folder what is wrong with it."""
    sealed = [thing for thing in stock.things if thing.key or thing.kind == _SAVED]
    return {thing.folder: found for thing in sealed if (found := _damage(thing))}


def _damage(thing: Thing) -> seals.Damaged | None:
    try:
        # Images of older versions have no seal.
        seals.check(thing.folder, adopt=thing.kind == "image")
        seals.verify(thing.folder)
    except seals.Damaged as found:
        return found if thing.folder.exists() else None  # else it was removed meanwhile, as a whole
    return None


def _label(manifest: dict[str, Any]) -> str:
    named = (manifest.get(field) for field in ("label", "name", "environment", "box"))
    return next((str(name) for name in named if name), "unreadable")


def _named(manifest: dict[str, Any]) -> list[str]:
    """The keys of what the manifest says that the thing stands on."""
    machines = manifest.get("machines")
    parts = [manifest, *(machines.values() if isinstance(machines, dict) else ())]
    return [str(part[name]) for part in parts if isinstance(part, dict) for name in _BASES if name in part]
