"""Where a playbook is baked, on the host or in a guest, and the reason that a plan shows."""

from __future__ import annotations

from dataclasses import dataclass

from devbox.environment import Where


@dataclass(frozen=True)
class HostFacts:
    """What decides whether this host can bake by itself; ``lacks`` says in a clause each what it has not."""

    architecture: str  # as Debian names it: amd64, arm64
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    where: Where
    why: str  # a clause, for people
    obstacle: bool = False  # the host can't, so whoever asked for it can't have it


def choose(asked: Where | None, *, needs_guest: str | None, architecture: str, host: HostFacts) -> Choice:
    """``asked`` is devbox.yml's ``bake_in``; ``needs_guest`` why the playbook itself wants a running system.

    None where it does not; an empty text where it gives no reason.
    """
    if needs_guest is not None:
        why = f"its playbook says so: {needs_guest}" if needs_guest else "its playbook says so"
        return Choice(Where.GUEST, why, obstacle=True)
    if architecture != host.architecture:
        why = f"it is for {architecture}, and this host is {host.architecture}"
        return Choice(Where.GUEST, why, obstacle=True)
    if host.lacks:
        return Choice(Where.GUEST, f"this host {host.lacks[0]}", obstacle=True)
    if asked is Where.GUEST:
        return Choice(Where.GUEST, "bake_in says so")
    return Choice(Where.HOST, "bake_in says so" if asked else "which is quicker")
