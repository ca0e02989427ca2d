"""What is there to be scrubbed, as operations see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"  # sockets, pipes, devices


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in the tree; ``path`` is absolute from its root, in the bytes that are on disk.

    ``stamp`` tells one state of the file from another; empty where it is not known. ``secrets`` are kinds
    of devbox.scrub.known_secrets.py.
    """

    path: bytes
    kind: Kind
    size: int = 0
    secrets: frozenset[str] = frozenset()
    stamp: tuple[int, ...] = ()


# Homes of system users that are no homes: what lies there belongs to the distribution.
_NO_HOMES = (
    b"/",
    b"/bin",
    b"/sbin",
    b"/dev",
    b"/proc",
    b"/sys",
    b"/run",
    b"/usr",
    b"/boot",
    b"/etc",
    b"/tmp",
)
_NO_HOMES_BELOW = (b"/usr/", b"/bin/", b"/sbin/", b"/dev/", b"/proc/", b"/sys/", b"/run/", b"/var/run/")


@dataclass(frozen=True)
class Inventory:
    """All entries by path, and a way to read a small file's contents."""

    entries: dict[bytes, Entry]
    read: Callable[[bytes], bytes] = field(repr=False)

    @classmethod
    def of(cls, entries: Iterable[Entry], read: Callable[[bytes], bytes]) -> Inventory:
        return cls({entry.path: entry for entry in sorted(entries, key=lambda one: one.path)}, read)

    @cached_property
    def homes(self) -> tuple[bytes, ...]:
        """Folders where people and services keep what is theirs; no links, each once."""
        named = {b"/root"} | {
            path for path in self.entries if path.startswith(b"/home/") and path.count(b"/") == 2
        }
        if self._is(b"/etc/passwd", Kind.FILE):
            fields = (line.split(b":") for line in self.read(b"/etc/passwd").splitlines())
            named |= {b"/" + one[5].strip(b"/") for one in fields if len(one) >= 7 and one[5][:1] == b"/"}
        return tuple(
            sorted(
                path
                for path in named
                if path not in _NO_HOMES
                and not path.startswith(_NO_HOMES_BELOW)
                and self._is(path, Kind.FOLDER)
            )
        )

    def _is(self, path: bytes, kind: Kind) -> bool:
        return path in self.entries and self.entries[path].kind is kind


def above(path: bytes) -> list[bytes]:
    """The folders that a path lies in, nearest first, without the root."""
    found = []
    while (path := path.rpartition(b"/")[0]) != b"":
        found.append(path)
    return found
