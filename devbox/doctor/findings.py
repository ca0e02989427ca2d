"""What doctor says about one aspect of the host."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """``command`` is one line that mends it, empty where there is nothing to mend or no such line."""

    name: str
    level: Level
    sentence: str
    command: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "name": self.name,
            "level": str(self.level),
            "sentence": self.sentence,
            "command": self.command,
        }


def ok(name: str, sentence: str) -> Finding:
    return Finding(name, Level.OK, sentence)


def warning(name: str, sentence: str, command: str = "") -> Finding:
    return Finding(name, Level.WARNING, sentence, command)


def problem(name: str, sentence: str, command: str = "") -> Finding:
    return Finding(name, Level.PROBLEM, sentence, command)
