"""A folder as a target: a mounted disk, a chroot, an unpacked tree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from devbox.scrub.decide import Change
from devbox.scrub.inventory import Inventory, Kind
from devbox.scrub.members import Member, members
from devbox.scrub.operation import Action
from devbox.scrub.report import shown
from devbox.scrub.rooted import Root, stamp


@dataclass(frozen=True)
class FolderTarget:
    root: Root
    name: str
    running: bool = False

    def inventory(self) -> Inventory:
        return self.root.inventory()

    def archive(self, paths: Sequence[bytes], linked: Mapping[tuple[int, int], bytes]) -> Iterable[Member]:
        return members(self.root, paths, linked)

    def apply(self, changes: Sequence[Change]) -> list[str]:
        problems = []
        for change in changes:
            try:
                self._apply(change)
            except FileNotFoundError:
                continue  # an interrupted run had come so far, or its owner was quicker
            except OSError as error:
                problems.append(f"{shown(change.path)} could not be changed: {error.strerror or error}")
        return problems

    def _apply(self, change: Change) -> None:
        if change.action is Action.REMOVE:
            self._remove(change)
        else:
            self._write(change)

    def _remove(self, change: Change) -> None:
        with self.root.parent(change.path) as (at, name):
            if change.entry.kind is Kind.FOLDER:
                os.rmdir(name, dir_fd=at)
                return
            if stamp(os.stat(name, dir_fd=at, follow_symlinks=False)) != change.entry.stamp:
                raise _changed()
            os.unlink(name, dir_fd=at)

    def _write(self, change: Change) -> None:
        """In place, so that owner, mode and further names stay; emptying is writing nothing."""
        with self.root.opened(change.path, os.O_RDWR) as file:
            if stamp(os.fstat(file)) != change.entry.stamp:
                size = os.fstat(file).st_size
                if size == len(change.contents) and os.pread(file, size, 0) == change.contents:
                    return  # done under another name of the same file
                raise _changed()
            os.pwrite(file, change.contents, 0)
            os.ftruncate(file, len(change.contents))


def _changed() -> OSError:
    return OSError(0, "it was written to since it was copied; run the same again")
