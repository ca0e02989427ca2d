"""Which tasks of playbooks a run of devbox had, by the events that it wrote."""

from __future__ import annotations

import json


def tasks(events: str) -> list[str]:
    """Of JSON lines; empty when nothing was provisioned and nothing baked."""
    told = [json.loads(line) for line in events.splitlines()]
    return [
        event.get("task", event["subject"])
        for event in told
        if "task" in event or event["subject"].startswith("provisioning.")
    ]
