"""What an Ansible run told, line by line: events for the view, counts, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from devbox.errors import DevboxError
from devbox.events import Event, Kind

_TAIL_LINES = 20


@dataclass(frozen=True)
class HostStats:
    """How many tasks ended how on one machine; ``ok`` includes the changed ones, as Ansible counts."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Failure:
    host: str
    task: str
    path: str  # file:line
    message: str = ""
    item: str = ""
    output: str = ""  # the tail of what the task's program said
    unreachable: bool = False


class Outcome(StrEnum):
    """What the role workarounds made of an entry: ``found`` where it was only to look."""

    APPLIED = "applied"
    FOUND = "found"
    NOT_FOUND = "not found"


@dataclass(frozen=True)
class WorkaroundReport:
    """``reason`` is half a sentence that goes on after "because"."""

    host: str
    name: str
    outcome: Outcome
    reason: str

    def __str__(self) -> str:
        return f"workaround {self.name}: {self.outcome}, because {self.reason}"


@dataclass
class Account:
    """Grows with each line of the callback plugin."""

    stats: dict[str, HostStats] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)  # the last of each machine
    workarounds: list[WorkaroundReport] = field(default_factory=list)
    acted: bool = False  # whether anything was done on any machine

    def take(self, line: str) -> Event | None:
        """Note one line; return what is worth showing of it."""
        try:
            told = json.loads(line)
        except ValueError:
            return None  # a module or plugin that writes where it should not
        if not isinstance(told, dict):
            return None
        kind, host = told.get("event"), str(told.get("host", ""))
        if kind == "stats":
            self.stats = {name: _stats(counts) for name, counts in told.get("hosts", {}).items()}
        elif kind in {"failed", "unreachable"} and not told.get("ignored"):
            self.failures[host] = _failure(told)
        elif kind == "workaround":
            report = WorkaroundReport(host, told["name"], Outcome(told["outcome"]), told["reason"])
            self.workarounds.append(report)
            return _workaround_event(report)
        self.acted = self.acted or kind in {"ok", "failed", "skipped"}
        return _event(told)

    def fatal(self) -> list[Failure]:
        """The failures that nothing rescued; all of them where the run broke off before it counted."""
        if not self.stats:
            return list(self.failures.values())
        return [
            failure
            for host, failure in self.failures.items()
            if (counts := self.stats.get(host)) is not None and (counts.failed or counts.unreachable)
        ]


def _event(told: Mapping[str, Any]) -> Event | None:
    kind, task = told.get("event"), str(told.get("task", ""))
    subject = f"machine.{told.get('host')}"
    if kind == "task":
        return Event(Kind.PROGRESS, subject, task, data={"task": task, "path": told.get("path", "")})
    if kind == "retry":
        text = f"{task} (attempt {told.get('attempts')} of {told.get('retries')})"
        return Event(Kind.PROGRESS, subject, text, data={"task": task})
    if kind in {"ok", "skipped"}:
        result = "changed" if told.get("changed") else str(kind)
        data = {"task": task, "result": result}
        return Event(Kind.PROGRESS, subject, task, seconds=told.get("seconds"), data=data)
    return None


def _workaround_event(report: WorkaroundReport) -> Event:
    """Worth a line of its own where something was found; else only for who reads all events."""
    kind = Kind.PROGRESS if report.outcome is Outcome.NOT_FOUND else Kind.NOTE
    data = {"workaround": report.name, "outcome": str(report.outcome), "reason": report.reason}
    return Event(kind, f"machine.{report.host}", str(report), data=data)


def _stats(counts: Mapping[str, int]) -> HostStats:
    return HostStats(
        ok=counts.get("ok", 0),
        changed=counts.get("changed", 0),
        failed=counts.get("failures", 0),
        unreachable=counts.get("unreachable", 0),
        skipped=counts.get("skipped", 0),
    )


def _failure(told: Mapping[str, Any]) -> Failure:
    said = [str(told[key]) for key in ("stdout", "stderr", "module_stderr") if told.get(key)]
    return Failure(
        host=str(told.get("host", "")),
        task=str(told.get("task", "")),
        path=str(told.get("path", "")),
        message=str(told.get("msg", "")),
        item=str(told.get("item", "")),
        output=tail("\n".join(said)),
        unreachable=told.get("event") == "unreachable",
    )


def failure_error(account: Account, status: int, log: Path) -> DevboxError:
    """The whole story of a run that failed, to be read by its user."""
    fatal = account.fatal()
    again = f"Run 'devbox provision' to try again; the whole log is '{log}'."
    if not fatal:
        return DevboxError(
            f"Ansible ended with status {status} before any task failed.",
            details=tail(log.read_text(errors="replace")) if log.exists() else "",
            advice=again,
        )
    first = fatal[0]
    if first.unreachable:
        message = f"The machine '{first.host}' could not be reached for the task '{first.task}'."
    else:
        message = f"The task '{first.task}' failed on '{first.host}'."
    return DevboxError(message, details="\n\n".join(_told(failure) for failure in fatal), advice=again)


def counted_event(host: str, counts: HostStats) -> Event:
    text = f"{counts.ok} tasks, {counts.changed} of them changed something"
    return Event(Kind.PROGRESS, f"machine.{host}", text, data={"counts": asdict(counts)})


def failed_event(failure: Failure) -> Event:
    text = f"{failure.task}: {failure.message}".partition("\n")[0]
    data = {"task": failure.task, "path": failure.path, "message": failure.message}
    return Event(Kind.FAILED, f"machine.{failure.host}", text, data=data)


def _told(failure: Failure) -> str:
    lines = [f"{failure.host}: {failure.task}", failure.path]
    lines += [f"item: {failure.item}"] if failure.item else []
    lines += [failure.message] if failure.message else []
    lines += [failure.output] if failure.output and failure.output not in failure.message else []
    return "\n".join(lines)


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-lines:])
