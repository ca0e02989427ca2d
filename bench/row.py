"""One measurement beside what it is compared with, and whether its limit holds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """At most so many seconds, or at most so many times the baseline's."""

    seconds: float | None = None
    ratio: float | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"x {self.ratio:.2f}"


@dataclass(frozen=True)
class Row:
    """``seconds`` and ``baseline_seconds`` are medians of ``runs`` runs each."""

    name: str
    seconds: float
    baseline: str
    baseline_seconds: float
    runs: int
    limit: Limit

    @property
    def ratio(self) -> float:
        return self.seconds / self.baseline_seconds

    @property
    def holds(self) -> bool:
        if self.limit.seconds is not None:
            return self.seconds <= self.limit.seconds
        return self.limit.ratio is None or self.ratio <= self.limit.ratio

    def as_json(self) -> dict[str, Any]:
        numbers = {"seconds": self.seconds, "baseline_seconds": self.baseline_seconds, "ratio": self.ratio}
        rounded = {name: round(number, 4) for name, number in numbers.items()}
        return asdict(self) | rounded | {"holds": self.holds}


def compare(
    name: str,
    measured: Callable[[], float],
    baseline: str,
    baseline_measured: Callable[[], float],
    *,
    runs: int,
    limit: Limit,
) -> Row:
    """Measure both in turns, so that a busy moment of the host hits both."""
    pairs = [(measured(), baseline_measured()) for _ in range(runs)]
    seconds, baseline_seconds = (statistics.median(column) for column in zip(*pairs, strict=True))
    return Row(name, seconds, baseline, baseline_seconds, runs, limit)


def timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started
