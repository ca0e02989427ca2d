"""Baking at the host's own speed: a layer's disk, mounted in namespaces that end with the process."""

from __future__ import annotations

from devbox.hostbake.choice import Choice, HostFacts, choose
from devbox.hostbake.facts import gather
from devbox.hostbake.inside import Bake
from devbox.hostbake.room import NotOpened, room

__all__ = ["Bake", "Choice", "HostFacts", "NotOpened", "choose", "gather", "room"]
