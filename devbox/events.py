"""What happens while work is done, as values; the engine knows no terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    STARTED = "started"
    PROGRESS = "progress"
    FINISHED = "finished"
    FAILED = "failed"
    NOTE = "note"


@dataclass(frozen=True)
class Event:
    """One thing that happened to one subject (``machine.api``, ``image.debian-12``).

    ``text`` is what a person reads beside the subject; ``seconds`` is how long a finished step
    took; ``data`` is for machines and must be JSON.
    """

    kind: Kind
    subject: str
    text: str = ""
    seconds: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"at": round(self.at, 3), "event": str(self.kind), "subject": self.subject}
        if self.text:
            shown["text"] = self.text
        if self.seconds is not None:
            shown["seconds"] = round(self.seconds, 3)
        return shown | dict(self.data)


Emit = Callable[[Event], None]


def silent(event: Event) -> None:
    """An Emit for callers that show nothing."""
