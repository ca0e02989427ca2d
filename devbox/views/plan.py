"""A plan as people read it, with what each change costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text

from devbox.plan import Action, Change, Plan

_STYLES = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
}
_COSTS = {
    "live": "applied while it runs",
    "start": "started",
    "re-provision": "playbooks run again",
    "restart": "needs a restart; its disk is kept",
    "replace": "made anew",
}


def show_plan(plan: Plan, console: Console) -> None:
    for line in plan_lines(plan):
        console.print(line)


def plan_lines(plan: Plan) -> Iterator[Text]:
    """The plan's text, a line at a time."""
    if plan.empty:
        yield Text("Nothing to do: everything is as devbox.yml says.")
        return
    for address, label in plan.cached:
        yield Text.assemble(("  = ", "dim"), (address, "bold"), (f"  ({label}: cached)", "dim"))
    for change in plan.changes:
        yield from _change_lines(change)
    counts = [f"{plan.count(action)} to {action.verb}" for action in Action if plan.count(action)]
    expected = sum(change.seconds or 0.0 for change in plan.changes)
    about = f", about {duration(expected)} going by last time" if expected else ""
    yield Text(f"Plan: {', '.join(counts)}{about}.", style="bold")


def _change_lines(change: Change) -> Iterator[Text]:
    told = [change.reason] if change.reason else []
    if change.effect is not None:
        told.append(_COSTS[change.effect.label])
    if change.seconds is not None:
        told.append(f"took {duration(change.seconds)} last time")
    sign = (f"{change.action.value:>3} ", _STYLES[change.action])
    yield Text.assemble(sign, (change.address, "bold"), (f"  ({'; '.join(told)})" if told else "", "dim"))
    for difference in change.differences:
        for before, after, key in _leaves(difference.attribute, difference.before, difference.after):
            effect = "" if difference.effect is change.effect else f"  [{difference.effect.label}]"
            yield Text(f"        {key}: {before} -> {after}{effect}")
    if change.data_lost:
        yield Text(f"        lost: {change.data_lost}", style="red")


def _leaves(name: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    """The parts of a mapping that differ, or the value itself."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield _short(before.get(key)), _short(after.get(key)), f"{name}.{key}"
        return
    yield _short(before), _short(after), name


def _short(value: Any) -> str:
    if value is None or value == "":
        return "(none)"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "(none)"
    text = str(value)
    is_digest = len(text) >= 32 and all(letter in "0123456789abcdef" for letter in text)
    return text[:12] if is_digest else text


def duration(seconds: float) -> str:
    """``0.4 s``, ``42 s``, ``3 min 5 s``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"
