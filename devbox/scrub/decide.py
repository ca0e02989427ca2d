"""Which paths go, and by which operation: pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from devbox.scrub.inventory import Entry, Inventory, Kind, above
from devbox.scrub.operation import Action, Operation, Rule
from devbox.scrub.patterns import matching

# Larger ones are no keys but hold some: a database, an archive. They are reported, not removed.
LARGEST_KEY_FILE = 1 << 20
_LARGEST_REWRITTEN = 1 << 20


@dataclass(frozen=True)
class Change:
    """One path that is removed, emptied or rewritten; ``contents`` is what a rewritten file gets."""

    entry: Entry
    action: Action
    operation: Operation
    contents: bytes = b""

    @property
    def path(self) -> bytes:
        return self.entry.path


def decide(inventory: Inventory, operations: Sequence[Operation], keep: Iterable[bytes] = ()) -> list[Change]:
    """The changes, each path once, what is in a folder before the folder.

    What is to be removed is not emptied; of several operations the first one counts. A path of ``keep``
    stays with all below, and so do the folders that it lies in.
    """
    kept = {b"/" + path.strip(b"/") for path in keep}
    stay = kept | {folder for path in kept for folder in above(path)}
    changes: dict[bytes, Change] = {}
    for action in (Action.REMOVE, Action.EMPTY, Action.REWRITE):
        for operation in operations:
            for rule in operation.rules:
                if rule.action is action:
                    for change in _changes(inventory, operation, rule):
                        path = change.path
                        if path not in changes and not _kept(path, action, kept, stay):
                            changes[path] = change
    return sorted(changes.values(), key=lambda change: change.path, reverse=True)


def _kept(path: bytes, action: Action, kept: set[bytes], stay: set[bytes]) -> bool:
    return (path in stay and action is Action.REMOVE) or path in kept or not kept.isdisjoint(above(path))


def _changes(inventory: Inventory, operation: Operation, rule: Rule) -> Iterator[Change]:
    wanted = matching(rule.paths, inventory.homes).fullmatch
    spared = matching(rule.but, inventory.homes).fullmatch
    gone: set[bytes] = set()  # folders that go with all that is in them
    staying = _folders_of_spared(inventory, spared) if rule.but else set()
    for path, entry in inventory.entries.items():
        if spared(path):
            continue
        below = bool(gone) and not gone.isdisjoint(above(path))
        if not below and not (wanted(path) and _fits(rule, entry)):
            continue
        if entry.kind is Kind.FOLDER and rule.action is Action.REMOVE:
            gone.add(path)
            if path in staying:
                continue
        if rule.action is not Action.REWRITE:
            yield Change(entry, rule.action, operation)
        elif (after := _rewritten(inventory, rule, entry)) is not None:
            yield Change(entry, rule.action, operation, after)


def _folders_of_spared(inventory: Inventory, spared: object) -> set[bytes]:
    assert callable(spared)
    return {folder for path in inventory.entries if spared(path) for folder in above(path)}


def _fits(rule: Rule, entry: Entry) -> bool:
    if rule.secrets:
        small = entry.size <= LARGEST_KEY_FILE
        return entry.kind is Kind.FILE and small and not rule.secrets.isdisjoint(entry.secrets)
    if rule.action is Action.EMPTY:
        return entry.kind is Kind.FILE and entry.size > 0
    return rule.action is Action.REMOVE or entry.kind is Kind.FILE


def _rewritten(inventory: Inventory, rule: Rule, entry: Entry) -> bytes | None:
    """What stays of the contents; None where nothing has to go."""
    assert rule.rewriting is not None
    if entry.size > _LARGEST_REWRITTEN:
        return None
    before = inventory.read(entry.path)
    after = rule.rewriting(before)
    return after if after != before else None
