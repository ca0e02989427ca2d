"""Locks that the kernel holds, so that a killed process leaves none, with the holder's name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from devbox.paths import private_folder

_POLL_SECONDS = 0.1


@contextmanager
def held(path: Path, *, doing: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock while the block runs.

    ``doing`` says what for; somebody who has to wait is told it through ``waiting``, once.
    """
    private_folder(path.parent)
    lock = filelock.FileLock(path, mode=0o600, poll_interval=_POLL_SECONDS)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        waiting(holder(path))
        lock.acquire()
    try:
        _holder_file(path).write_text(f"process {os.getpid()} ({doing}: {' '.join(sys.argv[1:])})\n")
        yield
    finally:
        _holder_file(path).unlink(missing_ok=True)
        lock.release()


@contextmanager
def held_if_free(path: Path, *, doing: str) -> Iterator[bool]:
    """Hold the lock while the block runs unless somebody else does; says which."""
    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield False
        return
    try:
        _holder_file(path).write_text(f"process {os.getpid()} ({doing})\n")
        yield True
    finally:
        _holder_file(path).unlink(missing_ok=True)
        lock.release()


def holder(path: Path) -> str:
    """Who holds the lock, as they said it themselves."""
    try:
        return _holder_file(path).read_text().strip()
    except OSError:
        return "another process"


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now; only for telling, since it may change at once."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    lock.release()
    return False


def _holder_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")
