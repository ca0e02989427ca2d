"""Ansible callback plugin: tells devbox what happens, one JSON line an event."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: devbox_events
type: notification
short_description: one JSON line an event to an inherited file descriptor
description: The descriptor's number stands in the environment variable DEVBOX_EVENTS.
requirements: [devbox]
"""

_TAIL = 4000  # characters of a long output; the log has it whole


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible publishes no types
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "devbox_events"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        descriptor = os.environ.get("DEVBOX_EVENTS", "")
        self._pipe = int(descriptor) if descriptor.isdigit() else -1
        self.disabled = self._pipe < 0
        self._started: dict[tuple[str, str], float] = {}

    def _tell(self, event: str, **details: Any) -> None:
        data = json.dumps({"event": event, **details}, default=str).encode() + b"\n"
        while data:
            data = data[os.write(self._pipe, data) :]

    def _result(self, status: str, result: Any, **more: Any) -> None:
        began = self._started.pop((result.host.get_name(), result.task._uuid), None)  # noqa: SLF001 - no public name
        self._tell(
            status,
            host=result.host.get_name(),
            task=result.task.get_name(),
            path=result.task.get_path() or "",
            changed=result.is_changed(),
            seconds=None if began is None else round(time.monotonic() - began, 3),
            **more,
        )

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._tell("play", name=play.get_name())

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._started[host.get_name(), task._uuid] = time.monotonic()  # noqa: SLF001 - no public name
        self._tell("task", host=host.get_name(), task=task.get_name(), path=task.get_path() or "")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)
        # Told by the last task of an entry in the role workarounds.
        report = result.result.get("workarounds_report")
        if isinstance(report, dict):
            told = {key: str(report.get(key, "")) for key in ("name", "outcome", "reason")}
            self._tell("workaround", host=result.host.get_name(), **told)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_retry(self, result: Any) -> None:
        attempts = result.result.get("attempts")
        self._result("retry", result, attempts=attempts, retries=result.result.get("retries"))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("failed", result, ignored=bool(ignore_errors), **_reason(result.result))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result, **_reason(result.result))

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._tell("no_hosts")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._tell("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})


def _reason(result: dict[str, Any]) -> dict[str, Any]:
    """What the module said; for a loop, what it said of the first item that failed."""
    items = result.get("results")
    failed = [item for item in items if isinstance(item, dict) and item.get("failed")] if items else []
    shown = failed[0] if failed else result
    reason = {
        key: _text(shown[key]) for key in ("msg", "stdout", "stderr", "module_stderr") if shown.get(key)
    }
    if shown.get("censored"):
        reason["msg"] = str(shown["censored"])
    if failed and "item" in shown and "censored" not in shown:
        reason["item"] = _text(shown["item"])
    return reason


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text[-_TAIL:]
