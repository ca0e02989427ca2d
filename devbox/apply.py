"""Acting: a plan's changes made in the order of their needs, independent ones at the same time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from devbox.errors import DevboxError
from devbox.events import Emit, Event, Kind
from devbox.plan import Action, Change, Plan

_WORKERS = 8


class Incomplete(DevboxError):
    """Some changes failed; those that did not stand on them were made."""

    def __init__(self, failures: Mapping[str, Exception], skipped: list[str]) -> None:
        self.failures = dict(failures)
        first = next(iter(failures.values()))
        known = [error for error in failures.values() if isinstance(error, DevboxError)]
        parts = [_told(address, error) for address, error in failures.items()]
        if skipped:
            parts.append(f"Not begun, since they stand on what failed: {', '.join(skipped)}.")
        single = len(failures) == 1 and known
        super().__init__(
            known[0].message if single else f"{len(failures)} changes failed: {', '.join(failures)}.",
            details="\n".join([known[0].details, *parts[1:]] if single else parts),
            advice=known[0].advice if known else "",
        )
        if not known:
            self.__cause__ = first


def apply(plan: Plan, world: Any, emit: Emit, *, record: Callable[[str, float], None]) -> None:
    """Make every change; deletions come first, since what replaces them may need their place.

    ``record`` is told how long each kind of change took. A failure does not stop changes that
    don't stand on the failed one. Raises Incomplete.
    """
    failures: dict[str, Exception] = {}
    skipped: list[str] = []
    deletions = [change for change in plan.changes if change.action is Action.DELETE]
    others = [change for change in plan.changes if change.action is not Action.DELETE]
    for group in (deletions, others):
        _walk(group, world, emit, record, failures, skipped)
    if failures:
        raise Incomplete(failures, skipped)


def _walk(
    changes: list[Change],
    world: Any,
    emit: Emit,
    record: Callable[[str, float], None],
    failures: dict[str, Exception],
    skipped: list[str],
) -> None:
    waiting = {change.address: change for change in changes}
    running: dict[Future[None], str] = {}
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="apply")
    try:
        while waiting or running:
            for address, change in list(waiting.items()):
                needs = set(change.resource.needs()) if change.after else set()
                if needs & (failures.keys() | set(skipped)):
                    skipped.append(waiting.pop(address).address)
                elif not {*needs, *change.resource.follows()} & (waiting.keys() | set(running.values())):
                    del waiting[address]
                    running[pool.submit(_make, change, world, emit, record)] = address
            if not running:
                continue
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                address = running.pop(future)
                error = future.exception()
                if isinstance(error, Exception):
                    failures[address] = error
                elif error is not None:
                    raise error
    finally:
        # At Ctrl-C nobody waits for a worker that sits in a boot or a build.
        pool.shutdown(wait=False, cancel_futures=True)


def _make(change: Change, world: Any, emit: Emit, record: Callable[[str, float], None]) -> None:
    started = time.monotonic()
    emit(Event(Kind.STARTED, change.address, change.action.verb, data={"action": change.action.verb}))
    try:
        _perform(change, world)
    except Exception as error:
        emit(Event(Kind.FAILED, change.address, str(error), time.monotonic() - started))
        raise
    seconds = time.monotonic() - started
    record(change.timing_key, seconds)
    emit(Event(Kind.FINISHED, change.address, change.action.verb, seconds))


def _perform(change: Change, world: Any) -> None:
    if change.action in (Action.DELETE, Action.REPLACE):
        assert change.before is not None
        change.before.delete(world)
    if change.action in (Action.CREATE, Action.REPLACE):
        assert change.after is not None
        change.after.create(world)
    if change.action is Action.UPDATE:
        assert change.after is not None
        assert change.before is not None
        assert change.effect is not None
        change.after.update(world, change.before, change.effect)


def _told(address: str, error: Exception) -> str:
    if isinstance(error, DevboxError):
        return "\n".join(
            part for part in (f"{address}: {error.message}", error.details, error.advice) if part
        )
    return f"{address}: {type(error).__name__}: {error}"


def read_timings(path: Path) -> dict[str, float]:
    """How long each kind of change took last time, in seconds; empty when nothing is known."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return {str(key): float(value) for key, value in known.items() if isinstance(value, int | float)}


def write_timing(path: Path, key: str, seconds: float) -> None:
    """Remember one duration; the last writer wins, since it only serves an estimate."""
    known = read_timings(path) | {key: round(seconds, 2)}
    staged = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged.write_text(json.dumps(known, sort_keys=True, indent=1))
        staged.replace(path)
    except OSError:
        return  # an estimate is not worth a failed run
