"""A folder taken as a root: every step below it is by file descriptor and follows no link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from devbox.errors import DevboxError
from devbox.scrub.inventory import Entry, Inventory, Kind
from devbox.scrub.known_secrets import kinds_in
from devbox.scrub.packaged import Packaged

# What the kernel makes up, or what is gone after a restart.
_NOT_ON_DISK = (b"/proc", b"/sys")
_CHUNK = 1 << 22
_OVERLAP = 1 << 9  # longer than any sign of a secret with the beginning of its body
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Root:
    """Paths are absolute from the root, as bytes; ``..`` and links in them are refused by the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise DevboxError(f"The folder '{path}' can't be opened: {error.strerror}.") from error

    def close(self) -> None:
        os.close(self._top)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextlib.contextmanager
    def folder(self, path: bytes) -> Iterator[int]:
        """A descriptor of the folder; OSError (ELOOP, ENOTDIR) where the way there leads over a link."""
        at = os.dup(self._top)
        try:
            for name in path.split(b"/"):
                if name in {b"", b"."}:
                    continue
                if name == b"..":
                    raise OSError(errno.EXDEV, "The path leads upwards", os.fsdecode(path))
                below = os.open(name, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            yield at
        finally:
            os.close(at)

    @contextlib.contextmanager
    def parent(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """A descriptor of the folder that the path lies in, and the last name."""
        above, _, name = path.rstrip(b"/").rpartition(b"/")
        if name in {b"", b".", b".."}:
            raise OSError(errno.EINVAL, "The path has no last name", os.fsdecode(path))
        with self.folder(above) as at:
            yield at, name

    @contextlib.contextmanager
    def opened(self, path: bytes, flags: int = _FILE, mode: int = 0o600) -> Iterator[int]:
        """A descriptor of the regular file itself."""
        with self.parent(path) as (at, name):
            file = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=at)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, "It is no regular file", os.fsdecode(path))
            yield file
        finally:
            os.close(file)

    def read(self, path: bytes) -> bytes:
        with self.opened(path) as file, os.fdopen(os.dup(file), "rb") as reading:
            return reading.read()

    def status(self, path: bytes) -> os.stat_result:
        with self.parent(path) as (at, name):
            return os.stat(name, dir_fd=at, follow_symlinks=False)

    def exists(self, path: bytes) -> bool:
        try:
            self.status(path)
        except OSError:
            return False
        return True

    def inventory(self) -> Inventory:
        """All that is there. Files are read through for secrets, but not those that a package brought."""
        packaged = Packaged(self.read)
        return Inventory.of(self._entries(b"", packaged), self.read)

    def _entries(self, top: bytes, packaged: Packaged) -> Iterator[Entry]:
        waiting = [top]
        while waiting:
            above = waiting.pop()
            with self.folder(above) as at, os.scandir(at) as listing:
                for found in listing:
                    name = os.fsencode(found.name)
                    path = above + b"/" + name
                    status = os.stat(name, dir_fd=at, follow_symlinks=False)
                    kind = kind_of(status.st_mode)
                    secrets: frozenset[str] = frozenset()
                    if kind is Kind.FOLDER and path not in _NOT_ON_DISK:
                        waiting.append(path)
                    elif kind is Kind.FILE and status.st_size:
                        secrets = self._secrets(at, name, path, packaged)
                    yield Entry(path, kind, status.st_size, secrets, stamp(status))

    @staticmethod
    def _secrets(at: int, name: bytes, path: bytes, packaged: Packaged) -> frozenset[str]:
        try:
            file = os.open(name, _FILE | os.O_NOATIME, dir_fd=at)
        except PermissionError:  # O_NOATIME is for a file's owner
            file = os.open(name, _FILE, dir_fd=at)
        with os.fdopen(file, "rb", buffering=0) as reading:
            found: frozenset[str] = frozenset()
            tail = b""
            while data := reading.read(_CHUNK):
                found |= kinds_in(tail + data)
                tail = data[-_OVERLAP:]
        return frozenset() if found and packaged.brought(path) else found


def kind_of(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def stamp(status: os.stat_result) -> tuple[int, ...]:
    """What differs when somebody wrote to the file meanwhile."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
