"""The content-addressed store: a thing is made once, appears whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from devbox import locks
from devbox.errors import DevboxError
from devbox.paths import Home, private_folder

_LIVE_MARK = ".lock"
_DOOMED = "doomed."


class Shelf(StrEnum):
    """What the store keeps, each kind in a folder of its own."""

    IMAGES = "images"
    LAYERS = "layers"
    TEMPLATES = "templates"
    CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Store:
    """The folders of one shelf, whose names are digests of all that went into them."""

    home: Home
    shelf: Shelf = Shelf.IMAGES

    @property
    def root(self) -> Path:
        home = self.home
        return {
            Shelf.IMAGES: home.images,
            Shelf.LAYERS: home.layers,
            Shelf.TEMPLATES: home.templates,
            Shelf.CHECKPOINTS: home.checkpoints,
        }[self.shelf]

    def find(self, key: str) -> Path | None:
        folder = self.root / key
        return folder if folder.is_dir() else None

    def obtain(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], None],
        waiting: Callable[[str], None],
    ) -> Path:
        """The folder for ``key``; ``make`` fills a staging folder if it does not exist yet.

        Two callers at once share one build: the second waits, told by ``waiting`` who builds.
        A failing or killed ``make`` leaves nothing under the key.
        """
        if folder := self.find(key):
            return folder
        with locks.held(self.home.locks / f"{key}.lock", doing=f"building {kind}", waiting=waiting):
            if folder := self.find(key):
                return folder
            return self._make(key, make)

    def _make(self, key: str, make: Callable[[Path], None]) -> Path:
        private_folder(self.home.staging)
        private_folder(self.root)
        staged = Path(tempfile.mkdtemp(prefix=f"{key[:16]}.", dir=self.home.staging))
        try:
            make(staged)
            flush(staged)
            target = self.root / key
            staged.rename(target)
            _flush_folder(self.root)
            return target
        except OSError as error:
            raise DevboxError(
                f"The store in '{self.home.root}' can't be written: {error.strerror}.",
                details=str(error),
                advice="Make room with 'devbox gc', or set DEVBOX_HOME to a larger disk.",
            ) from error
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def stored(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())

    def last_used(self, key: str) -> float:
        return (self.root / key).stat().st_mtime

    def remove(self, key: str) -> int:
        """Remove the thing and return how many bytes of disk that freed."""
        folder = self.root / key
        freed = disk_usage(folder)
        # Renamed first: a half-deleted folder must never look like a whole one.
        private_folder(self.home.staging)
        doomed = Path(tempfile.mkdtemp(prefix=_DOOMED, dir=self.home.staging))
        folder.rename(doomed / key)
        shutil.rmtree(doomed, ignore_errors=True)
        return freed

    def sweep(self) -> None:
        """Remove what killed builds left; what 'devbox gc' is just removing stays its own."""
        for path in self.leftovers():
            if not path.name.startswith(_DOOMED):
                shutil.rmtree(path, ignore_errors=True)

    def leftovers(self) -> list[Path]:
        """Staging folders that no running build owns, as a killed build leaves them; of all shelves."""
        if not self.home.staging.is_dir():
            return []
        # Folders first, then locks: whose lock is not held now is not about to be filled.
        staged = sorted(self.home.staging.iterdir())
        building = {
            path.name.removesuffix(_LIVE_MARK)[:16]
            for path in self.home.locks.glob(f"*{_LIVE_MARK}")
            if locks.is_held(path)
        }
        return [path for path in staged if path.name.split(".")[0] not in building]


def write_manifest(folder: Path, values: Mapping[str, Any]) -> None:
    """Let a stored folder say of itself what it is; ``manifest`` reads it."""
    (folder / "manifest.json").write_text(json.dumps(values, indent=1, sort_keys=True) + "\n")


def manifest(folder: Path) -> dict[str, Any]:
    """What a stored folder says of itself; empty where it says nothing that can be read."""
    try:
        found = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def disk_usage(path: Path) -> int:
    """Bytes that the files below ``path`` take on disk; holes don't count."""
    files = [path] if path.is_file() else [entry for entry in path.rglob("*") if not entry.is_symlink()]
    return sum(entry.stat().st_blocks * 512 for entry in files if entry.exists())


def age_days(seconds_since_epoch: float) -> float:
    return (time.time() - seconds_since_epoch) / 86400


def flush(folder: Path) -> None:
    """Have the kernel write all of the folder's files to the disk."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
