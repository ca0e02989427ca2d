"""One measurement beside what it is compared with, and whether its limit holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """At most so many seconds, and at most so many times the baseline; None does not limit."""

    seconds: float | None = None
    ratio: float | None = None

    def __str__(self) -> str:
        parts = []
        if self.seconds is not None:
            parts.append(f"{self.seconds:g} s")
        if self.ratio is not None:
            parts.append(times(self.ratio))
        return ", ".join(parts) or "none"


@dataclass(frozen=True)
class Row:
    """``value`` and ``baseline_value`` are medians of ``runs`` and ``baseline_runs`` runs, in ``unit``."""

    name: str
    value: float
    baseline: str
    baseline_value: float
    runs: int
    baseline_runs: int
    limit: Limit
    unit: str = "s"  # or "MiB", which only a ratio limits

    @property
    def ratio(self) -> float:
        return self.value / self.baseline_value

    @property
    def holds(self) -> bool:
        quick = self.limit.seconds is None or self.value <= self.limit.seconds
        return quick and (self.limit.ratio is None or self.ratio <= self.limit.ratio)

    def as_json(self) -> dict[str, Any]:
        numbers = {"value": self.value, "baseline_value": self.baseline_value, "ratio": self.ratio}
        rounded = {name: round(number, 4) for name, number in numbers.items()}
        return asdict(self) | rounded | {"holds": self.holds}

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Row:
        fields = {name: written[name] for name in cls.__dataclass_fields__}
        return cls(**fields | {"limit": Limit(**written["limit"])})

    def number(self, value: float) -> str:
        """The value with as many digits as say something, and the unit."""
        digits = 2 if value < 10 else 1 if value < 100 else 0
        return f"{value:.{digits}f} {self.unit}"


def compare(
    name: str,
    measured: Callable[[], float],
    baseline: str,
    baseline_measured: Callable[[], float],
    *,
    runs: int,
    limit: Limit,
    baseline_runs: int | None = None,
) -> Row:
    """Measure both in turns, so that a busy moment of the host hits both.

    A baseline that takes long may be measured fewer times.
    """
    baseline_runs = runs if baseline_runs is None else baseline_runs
    values, baseline_values = [], []
    for turn in range(max(runs, baseline_runs)):
        if turn < runs:
            values.append(measured())
        if turn < baseline_runs:
            baseline_values.append(baseline_measured())
    medians = statistics.median(values), statistics.median(baseline_values)
    return Row(name, medians[0], baseline, medians[1], runs, baseline_runs, limit)


def times(ratio: float) -> str:
    """How many times the baseline, as one reads it: 1/15, x 1.3."""
    return f"1/{1 / ratio:.3g}" if ratio <= 0.5 else f"x {ratio:.3g}"


def timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started
