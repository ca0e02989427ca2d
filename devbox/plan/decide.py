"""Deciding what to do: values in, a Plan out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from devbox.errors import DevboxError
from devbox.plan.changes import Action, Change, Difference, Existing, Plan
from devbox.plan.schema import Effect, Resource


def decide(
    desired: Sequence[Resource],
    existing: Iterable[Existing],
    *,
    remake: Collection[str] = (),
    timings: Mapping[str, float] | None = None,
) -> Plan:
    """Compare what is wanted with what was found.

    What exists but is not wanted is deleted; what is tainted, or named in ``remake`` (addresses),
    is replaced; what stands on something that is made anew is made anew or brought up to date.
    ``timings`` are seconds by ``Change.timing_key``. Raises DevboxError on a circular need.
    """
    found = {entry.resource.address: entry for entry in existing}
    wanted = {resource.address: resource for resource in desired}
    fresh: set[str] = set()  # made anew by this plan
    changes: list[Change] = []
    unchanged: list[str] = []
    for address in _ordered(wanted):
        change = _compare(wanted[address], found.get(address), address in remake, fresh)
        if change is None:
            unchanged.append(address)
            continue
        if change.action in (Action.CREATE, Action.REPLACE):
            fresh.add(address)
        changes.append(change)
    leaving = {address: found[address].resource for address in found if address not in wanted}
    deletions = [_deletion(leaving[address]) for address in reversed(_ordered(leaving))]
    return Plan(tuple(_timed(change, timings or {}) for change in [*deletions, *changes]), tuple(unchanged))


def _compare(wanted: Resource, found: Existing | None, remake: bool, fresh: set[str]) -> Change | None:
    if found is None:
        return Change(Action.CREATE, None, wanted, reason="it does not exist yet")
    before = found.resource
    if found.tainted:
        return Change(Action.REPLACE, before, wanted, reason=found.tainted)
    differences = differences_between(before, wanted)
    dearest = max((difference.effect for difference in differences), default=None)
    if remake or dearest is Effect.REPLACE:
        reason = "asked for" if remake else ""
        return Change(Action.REPLACE, before, wanted, differences, reason, wanted.keeps_data)
    renewed = [address for address in wanted.needs() if address in fresh]
    if differences or renewed:
        reason = f"{', '.join(renewed)} is made anew" if renewed else ""
        return Change(Action.UPDATE, before, wanted, differences, reason)
    return None


def differences_between(before: Resource, after: Resource) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, old, new, after.effect_of(name, old, new))
        for name in type(after).model_fields
        if (old := getattr(before, name)) != (new := getattr(after, name))
    )


def _deletion(resource: Resource) -> Change:
    return Change(
        Action.DELETE, resource, None, reason="it is not asked for any more", data_lost=resource.keeps_data
    )


def _ordered(resources: Mapping[str, Resource]) -> list[str]:
    graph = {
        address: [need for need in (*resource.needs(), *resource.follows()) if need in resources]
        for address, resource in sorted(resources.items())
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise DevboxError(
            f"These resources need each other in a circle: {', '.join(error.args[1])}."
        ) from error


def _timed(change: Change, timings: Mapping[str, float]) -> Change:
    seconds = timings.get(change.timing_key)
    if seconds is None:
        return change
    return Change(
        change.action,
        change.before,
        change.after,
        change.differences,
        change.reason,
        change.data_lost,
        seconds,
    )
