"""What an operation of the scrubber is: a record of rules, and the words to write them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

Rewriting = Callable[[bytes], bytes]


class Set(StrEnum):
    """What an operation is about; ``--operations`` takes these names too."""

    CREDENTIALS = "credentials"  # what lets its holder in somewhere
    IDENTITY = "identity"  # what two machines must not share
    TRACES = "traces"  # who was here and what they did
    CACHES = "caches"  # what programs make again by themselves


class Action(StrEnum):
    REMOVE = "remove"  # with all that is below
    EMPTY = "empty"  # the file stays, its contents go
    REWRITE = "rewrite"  # a piece of its contents goes


@dataclass(frozen=True)
class Rule:
    """Which paths, and what happens to them.

    ``paths`` are patterns (devbox/scrub/patterns.py) or, with ``secrets``, where files that hold one of
    these kinds of secrets (devbox.scrub.known_secrets.py) are looked for.
    """

    action: Action
    paths: tuple[str, ...]
    but: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    rewriting: Rewriting | None = None


@dataclass(frozen=True)
class Operation:
    """One thing that the scrubber takes away, and why.

    ``name`` is that of its file with hyphens; ``summary`` follows "take away" in the lists, without a full
    stop; ``reason`` is a whole sentence that says what happens where it stays.
    """

    name: str
    summary: str
    reason: str
    set: Set
    rules: tuple[Rule, ...]
    default: bool = field(default=True, kw_only=True)


def remove(*paths: str, but: tuple[str, ...] = ()) -> Rule:
    """Files, links and whole folders."""
    return Rule(Action.REMOVE, paths, but)


def empty(*paths: str, but: tuple[str, ...] = ()) -> Rule:
    """Regular files that must go on existing."""
    return Rule(Action.EMPTY, paths, but)


def rewrite(rewriting: Rewriting, *paths: str) -> Rule:
    """Small text files; ``rewriting`` gets the contents and returns what stays of them."""
    return Rule(Action.REWRITE, paths, rewriting=rewriting)


def remove_secrets(*kinds: str, where: tuple[str, ...] = ("/**",), but: tuple[str, ...] = ()) -> Rule:
    """Whatever is called anything but holds one of these."""
    return Rule(Action.REMOVE, where, but, secrets=frozenset(kinds))
