"""Caches of people's programs."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="program-caches",
    summary="what programs cache in every home",
    reason="They hold pieces of what was worked on, and are made again when needed.",
    set=Set.CACHES,
    rules=(remove("~/.cache", "~/.thumbnails", "~/.npm", "~/.gradle/caches", "~/.wget-hsts"),),
)
