"""A plan as a value: what will be done to what, why, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from devbox.plan.schema import Effect, Resource


class Action(StrEnum):
    """The signs are the ones that users of Terraform know."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"

    @property
    def verb(self) -> str:
        return {"+": "create", "~": "change", "-/+": "replace", "-": "delete"}[self.value]


@dataclass(frozen=True)
class Existing:
    """A resource as it was found; ``tainted`` says why it is half-made or broken, else empty."""

    resource: Resource
    tainted: str = ""


@dataclass(frozen=True)
class Difference:
    attribute: str
    before: Any
    after: Any
    effect: Effect


@dataclass(frozen=True)
class Change:
    action: Action
    before: Resource | None
    after: Resource | None
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    data_lost: str = ""
    seconds: float | None = None  # how long the like took last time

    @property
    def resource(self) -> Resource:
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def address(self) -> str:
        return self.resource.address

    @property
    def effect(self) -> Effect | None:
        """The dearest effect of an update; None for the other actions."""
        if self.action is not Action.UPDATE:
            return None
        return max((difference.effect for difference in self.differences), default=Effect.REPROVISION)

    @property
    def timing_key(self) -> str:
        return f"{self.resource.kind}.{self.action.verb}"

    def as_json(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "action": self.action.verb,
            "effect": self.effect.label if self.effect else None,
            "reason": self.reason,
            "data_lost": self.data_lost or None,
            "expected_seconds": self.seconds,
            "changes": [
                {
                    "attribute": difference.attribute,
                    "before": _plain(difference.before),
                    "after": _plain(difference.after),
                    "effect": difference.effect.label,
                }
                for difference in self.differences
            ],
        }


@dataclass(frozen=True)
class Plan:
    """Changes in an order in which they can be made; ``unchanged`` names what stays as it is.

    ``cached`` tells what need not be made since the store has it, as address and label.
    """

    changes: tuple[Change, ...]
    unchanged: tuple[str, ...] = field(default=())
    cached: tuple[tuple[str, str], ...] = field(default=())

    @property
    def empty(self) -> bool:
        return not self.changes

    @property
    def losses(self) -> list[str]:
        """Sentences about data that applying would delete."""
        return [f"{change.address}: {change.data_lost}" for change in self.changes if change.data_lost]

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        return {
            "changes": [change.as_json() for change in self.changes],
            "unchanged": list(self.unchanged),
            "cached": [{"address": address, "label": label} for address, label in self.cached],
            "summary": {action.verb: self.count(action) for action in Action},
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if value is None or isinstance(value, bool | str | float) or type(value) is int:
        return value
    return str(value)
