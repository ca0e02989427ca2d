"""One workaround of the catalogue, as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Status(StrEnum):
    CURRENT = "current"
    HISTORICAL = "historical"


@dataclass(frozen=True)
class Distribution:
    """``name`` and ``versions`` as Ansible's facts say them; no versions are all."""

    name: str
    versions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Affects:
    """Where the defect can be; ``packages`` and ``tools`` map a name to a condition such as ``>=2, <3``."""

    families: tuple[str, ...] = ()
    distributions: tuple[Distribution, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """One for each kind of thing, for people."""
        named = [f"{one.name} {', '.join(one.versions)}".strip() for one in self.distributions]
        return [
            *([f"families: {', '.join(self.families)}"] if self.families else []),
            *([f"distributions: {'; '.join(named)}"] if named else []),
            *(f"{name} {_shown(condition)}" for name, condition in self.packages.items()),
            *(f"{name} {_shown(condition)} on the host" for name, condition in self.tools.items()),
        ]


@dataclass(frozen=True)
class Variable:
    description: str
    default: Any


@dataclass(frozen=True)
class Entry:
    """``folder`` holds the tasks; ``symptoms`` are literal texts in which ``*`` is anything within a line."""

    name: str
    folder: Path
    summary: str
    symptoms: tuple[str, ...]
    explanation: str
    references: tuple[str, ...]
    affects: Affects
    status: Status
    retire: str
    variables: Mapping[str, Variable] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder), "status": str(self.status)}


def _shown(condition: str) -> str:
    return "(any version)" if condition == "*" else condition
