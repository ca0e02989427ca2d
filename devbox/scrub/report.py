"""What was taken away and what was checked, for machines and for people."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Self

from devbox import __version__
from devbox.scrub.decide import Change
from devbox.scrub.operation import Operation


@dataclass(frozen=True)
class Report:
    """``left`` and ``problems`` are what keeps it from being good; ``notes`` only has to be known.

    ``checks`` says in words what proved it, by name.
    """

    source: str
    operations: tuple[Operation, ...]
    changes: tuple[Change, ...]
    dry_run: bool = False
    recovery: str = ""
    left: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    checks: dict[str, str] = field(default_factory=dict)
    made: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))

    @property
    def good(self) -> bool:
        return not self.left and not self.problems

    def with_check(
        self, name: str, says: str, left: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> Self:
        """The same with one proof more, and what it found left."""
        checks = {**self.checks, name: says}
        return replace(self, checks=checks, left=self.left + left, notes=self.notes + notes)

    def as_json(self) -> dict[str, Any]:
        return {
            "format": 1,
            "by": f"devbox {__version__}",
            "made": self.made,
            "source": self.source,
            "good": self.good,
            "dry_run": self.dry_run,
            "operations": [operation.name for operation in self.operations],
            "recovery": self.recovery,
            "changes": [
                {"path": shown(change.path), "action": str(change.action), "operation": change.operation.name}
                for change in self.changes
            ],
            "checks": self.checks,
            "left": list(self.left),
            "problems": list(self.problems),
            "notes": list(self.notes),
        }

    def as_text(self, *, every_path: bool = False) -> str:
        lines = [f"{self.source}: {self._summary()}"]
        if every_path:
            lines += [
                f"  {change.action:<8} {shown(change.path)}  ({change.operation.name})"
                for change in sorted(self.changes, key=lambda one: one.path)
            ]
        else:
            counts = Counter(change.operation.name for change in self.changes)
            lines += [f"  {count:>6}  {name}" for name, count in sorted(counts.items())]
        if self.recovery:
            lines.append(f"recovery file: {self.recovery}")
        lines += [f"checked: {name}: {says}" for name, says in self.checks.items()]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"problem: {problem}" for problem in self.problems]
        lines += [f"left: {left}" for left in self.left]
        return "\n".join(lines)

    def _summary(self) -> str:
        count = len(self.changes)
        paths = "one path" if count == 1 else f"{count} paths"
        if self.dry_run:
            return f"{paths} would be taken away."
        if self.good:
            return f"{paths} taken away; nothing was found left." if count else "nothing to take away."
        return f"{paths} to take away, but not all is gone."


def shown(path: bytes) -> str:
    """A path on one line, whatever its bytes are."""
    text = os.fsdecode(path)
    return text if text.isprintable() else ascii(text)
