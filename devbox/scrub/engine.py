"""Scrubbing one target: look, copy into the recovery file, take away, look again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from devbox.scrub import recovery
from devbox.scrub.decide import Change, decide
from devbox.scrub.inventory import Inventory, Kind, above
from devbox.scrub.keys import Recipient
from devbox.scrub.known_secrets import NAMES
from devbox.scrub.members import Member
from devbox.scrub.operation import Action, Operation
from devbox.scrub.report import Report, shown


class Target(Protocol):
    """Where files are taken away from: a folder, a mounted disk, a running machine."""

    @property
    def name(self) -> str: ...

    @property
    def running(self) -> bool:
        """Whether programs there may write files anew while we work."""
        ...

    def inventory(self) -> Inventory: ...

    def archive(self, paths: Sequence[bytes], linked: Mapping[tuple[int, int], bytes]) -> Iterable[Member]:
        """The paths with all they hold, in this order."""
        ...

    def apply(self, changes: Sequence[Change]) -> list[str]:
        """Make the changes in this order; what could not be done is said, and the rest goes on.

        A file that is not as it was seen is left alone, since its copy is another one.
        """
        ...


@dataclass(frozen=True)
class Request:
    """What to take away, and where copies go: ``recovery`` is None where nobody wants any."""

    operations: tuple[Operation, ...]
    keep: tuple[bytes, ...] = ()
    recovery: Path | None = None
    recipients: list[Recipient] = field(default_factory=list)
    dry_run: bool = False


def scrub(target: Target, request: Request) -> Report:
    """Nothing is taken away before its copy is safely in the recovery file; a second look is the proof."""
    before = target.inventory()
    changes = decide(before, request.operations, request.keep)
    if request.dry_run:
        return Report(target.name, request.operations, tuple(changes), dry_run=True)
    if request.recovery is not None and changes:
        paths = copied(changes)
        members = target.archive(paths, _staying(before, changes))
        recovery.write(request.recovery, request.recipients, target.name, members)
    problems = target.apply(_in_order(changes))
    return _looked_again(target, request, before, changes, problems)


def copied(changes: Sequence[Change]) -> list[bytes]:
    """What the recovery file holds: the paths, and the folders whose times change with them, first."""
    paths = {change.path for change in changes}
    return sorted(paths | {path.rpartition(b"/")[0] for path in paths} - {b""})


def _staying(before: Inventory, changes: Sequence[Change]) -> dict[tuple[int, int], bytes]:
    """For files that are removed under one name and stay under another: that other name."""
    gone = {change.path: change.entry.stamp[:2] for change in changes if change.entry.stamp}
    inodes = set(gone.values())
    return {
        (entry.stamp[0], entry.stamp[1]): path
        for path, entry in before.entries.items()
        if entry.kind is Kind.FILE and entry.stamp[:2] in inodes and path not in gone
    }


def _in_order(changes: Sequence[Change]) -> list[Change]:
    """Removing comes first: emptying a file under one name changes it under all."""
    order = (Action.REMOVE, Action.EMPTY, Action.REWRITE)
    return [change for action in order for change in changes if change.action is action]


def _looked_again(
    target: Target, request: Request, before: Inventory, changes: Sequence[Change], problems: list[str]
) -> Report:
    after = target.inventory()
    left: list[str] = []
    notes: list[str] = []
    for change in decide(after, request.operations, request.keep):
        known = before.entries.get(change.path)
        written_anew = known is None or known.stamp[:4] != change.entry.stamp[:4]
        if target.running and written_anew:
            notes.append(f"{shown(change.path)} was written anew meanwhile ({change.operation.name})")
        else:
            left.append(f"{shown(change.path)} ({change.operation.name})")
    for path, other in _other_names(before, changes):
        left.append(f"{shown(other)} is the same file as {shown(path)}, which was removed")
    for entry in after.entries.values():
        if entry.secrets and not _kept(entry.path, request.keep):
            kinds = ", ".join(sorted(entry.secrets & NAMES))
            if all(change.path != entry.path for change in changes):
                notes.append(f"{shown(entry.path)} holds what looks like: {kinds}")
    report = Report(
        source=target.name,
        operations=request.operations,
        changes=tuple(changes),
        recovery=str(request.recovery) if request.recovery and changes else "",
        problems=tuple(problems),
    )
    says = f"{len(after.entries)} paths looked at again with {len(request.operations)} operations"
    return report.with_check("second scan", says, tuple(left), tuple(notes))


def _other_names(before: Inventory, changes: Sequence[Change]) -> list[tuple[bytes, bytes]]:
    staying = _staying(before, [change for change in changes if change.action is Action.REMOVE])
    emptied = {change.entry.stamp[:2] for change in changes if change.action is not Action.REMOVE}
    return [
        (change.path, staying[inode])
        for change in changes
        if change.entry.kind is Kind.FILE and change.action is Action.REMOVE
        for inode in [(change.entry.stamp[0], change.entry.stamp[1])]
        if inode in staying and inode not in emptied
    ]


def _kept(path: bytes, keep: Sequence[bytes]) -> bool:
    kept = {b"/" + one.strip(b"/") for one in keep}
    return path in kept or not kept.isdisjoint(above(path))
