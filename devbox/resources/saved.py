"""A checkpoint as it lies on disk: machines of one environment that were frozen at the same moment."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devbox.errors import DevboxError
from devbox.paths import EnvironmentPaths, Home
from devbox.providers import Frozen
from devbox.qcow2 import chain

FORMAT = 1
READY = "ready"  # the one that 'devbox up' makes when all playbooks have run
TAKEN = frozenset({READY, "base", "baked"})  # what 'devbox reset --to' knows besides names


@dataclass(frozen=True)
class Checkpoint:
    """``machines`` maps names to what was written on each: spec, playbooks applied, what thaws it."""

    folder: Path
    name: str
    saved: str  # when, in ISO 8601
    machines: Mapping[str, Mapping[str, str]]
    brought: Mapping[str, Any]  # what the playbooks consisted of, to tell later what changed

    def frozen(self, machine: str) -> Frozen:
        return Frozen(self.folder / machine, self.machines[machine]["maker"])

    def provisioned(self, machine: str) -> str:
        return self.machines[machine]["provisioned"] if machine in self.machines else ""

    def manifest(self, key: str, environment: str) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": "checkpoint",
            "key": key,
            "name": self.name,
            "environment": environment,
            "saved": self.saved,
            "machines": {name: dict(values) for name, values in self.machines.items()},
            "brought": dict(self.brought),
        }


def load_checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint in the folder; DevboxError where it is missing or unreadable."""
    try:
        found = json.loads((folder / "manifest.json").read_bytes())
        return Checkpoint(folder, found["name"], found["saved"], found["machines"], found["brought"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DevboxError(
            f"The checkpoint in '{folder}' can't be read.",
            details=str(error),
            advice="'devbox checkpoint list' shows those that there are.",
        ) from error


def own_disk(home: Home, paths: EnvironmentPaths, machine: str, renew: Callable[[Path], None]) -> None:
    """See to it that the machine's disk is nobody else's too before anything writes to it.

    Whoever was killed while saving a checkpoint may have left the disk with a second name: in the
    checkpoint, then the machine gets a new disk over it; or in an unfinished one, which goes.
    """
    shutil.rmtree(paths.freezing, ignore_errors=True)
    disk = paths.machine(machine).disk
    if disk.exists() and disk.stat().st_nlink > 1:
        saved = [one for one in _disks(home, paths, machine) if one.samefile(disk)]
        if saved:  # else the other name is somebody's copy of the home
            renew(saved[0])


def _disks(home: Home, paths: EnvironmentPaths, machine: str) -> Iterator[Path]:
    for folder in (home.checkpoints, paths.checkpoints):
        yield from folder.glob(f"*/{machine}/disk.qcow2")


def saved_checkpoints(paths: EnvironmentPaths) -> list[Checkpoint]:
    """Those that the user saved, the oldest first."""
    found = [load_checkpoint(file.parent) for file in paths.checkpoints.glob("*/manifest.json")]
    return sorted(found, key=lambda checkpoint: (checkpoint.saved, checkpoint.name))


def place_for(name: str, paths: EnvironmentPaths) -> Path:
    """A folder of its own for each that is saved: a deleted one's may still have disks that are in use."""
    return paths.checkpoints / f"{name}.{secrets.token_hex(4)}"


def forget_deleted(paths: EnvironmentPaths) -> set[str]:
    """Remove what is left of deleted checkpoints, but for disks that something stands on.

    Returns the names of the machines whose disks stay.
    """
    kept = set[str]()
    for folder in paths.checkpoints.glob("*"):
        if (folder / "manifest.json").exists():
            continue
        disks = disks_in_use(folder, paths)
        kept |= {disk.parent.name for disk in disks}
        for path in folder.rglob("*"):
            if path.is_file() and path not in disks:
                path.unlink()
        if not disks:
            shutil.rmtree(folder)
    return kept


def disks_in_use(folder: Path, paths: EnvironmentPaths) -> set[Path]:
    """Those disks of a checkpoint that machines, or other checkpoints of the environment, stand on."""
    others = [disk for disk in paths.checkpoints.glob("*/*/disk.qcow2") if disk.parent.parent != folder]
    used = {base for disk in [*paths.machines.glob("*/disk.qcow2"), *others] for base in chain(disk)}
    return {disk for disk in folder.glob("*/disk.qcow2") if disk.resolve() in {one.resolve() for one in used}}
