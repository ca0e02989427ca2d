"""A fetcher that comes too late for what others serve."""

from __future__ import annotations

from devbox_demo import download

__all__ = ["download", "schemes"]


def schemes() -> tuple[str, ...]:
    return ("demo", "https")
