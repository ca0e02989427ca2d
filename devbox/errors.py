"""What went wrong, for which thing, why, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """The exit statuses of every verb."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    BUG = 3
    INTERRUPTED = 130


class DevboxError(Exception):
    """A failure that a user can read: one sentence, details, and the next step.

    ``message`` is a whole sentence that names the thing in quotes; ``details`` are lines that
    help to understand it (a console's tail, a program's last words); ``advice`` says what to do.
    """

    exit_status: Exit = Exit.FAILED

    def __init__(self, message: str, *, details: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.details = details.rstrip()
        self.advice = advice


@dataclass(frozen=True, order=True)
class Mistake:
    """One thing that is wrong in a file that the user wrote.

    ``line`` counts from 1, 0 where no line can be named; ``key`` is dotted (``machines.api.ip``).
    """

    file: Path
    line: int
    key: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.key}: {self.problem}" if self.key else f"{place}: {self.problem}"


class BadInput(DevboxError):
    """All mistakes of the user's input at once; nothing was touched."""

    exit_status = Exit.BAD_INPUT

    def __init__(self, mistakes: list[Mistake], *, advice: str = "") -> None:
        self.mistakes = sorted(set(mistakes))
        count = "one mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__(
            f"The input has {count}; nothing was changed.",
            details="\n".join(str(mistake) for mistake in self.mistakes),
            advice=advice,
        )


class Refused(DevboxError):
    """The request is well-formed but can't be met here; nothing was touched."""

    exit_status = Exit.BAD_INPUT
