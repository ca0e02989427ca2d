"""A program that runs another and leaves no process of it behind, however it or its caller ends."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

EVENTS = 3  # the descriptor on which the program tells its events; they go to our standard output
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_ROUNDS, _PAUSE = 500, 0.01


def main(words: list[str]) -> int:
    """``LOG PROGRAM ARGUMENT…``: both streams of the program go to the file LOG, which must exist.

    Two processes: the front one is what the caller started, sees and may kill; the rear one leads
    a session of its own, adopts all orphans of the program, and ends them all as soon as the
    program or the front process is gone. That holds for a caller that died by SIGKILL, too, and
    for those that left the program's process group: Mitogen's and OpenSSH's connections do.
    """
    lifeline, held_by_front = os.pipe()
    rear = os.fork()
    if rear:
        os.close(lifeline)
        return os.waitstatus_to_exitcode(os.waitpid(rear, 0)[1])
    os.close(held_by_front)
    os.setsid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sockets = tempfile.mkdtemp(prefix="devbox-")  # OpenSSH's; a path in the home may be too long for them
    try:
        return _watch(_start(words, sockets), lifeline)
    finally:
        _end_descendants()
        shutil.rmtree(sockets, ignore_errors=True)


def _start(words: list[str], sockets: str) -> int:
    log = os.open(words[0], os.O_WRONLY | os.O_APPEND)
    events = os.dup(1)
    duplicates = [
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, events, EVENTS),
    ]
    environment = {**os.environ, "DEVBOX_EVENTS": str(EVENTS), "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets}
    return os.posix_spawnp(words[1], words[1:], environment, file_actions=duplicates)


def _watch(program: int, lifeline: int) -> int:
    """Wait for the program's end or the front process's, whichever comes first."""
    ended = os.pidfd_open(program)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(lifeline, select.POLLHUP)
    ready = {descriptor for descriptor, _ in poll.poll()}
    if ended not in ready:
        return 1
    return os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) % 256


def _end_descendants() -> None:
    for _ in range(_ROUNDS):
        for pid in _descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_PAUSE)


def _descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # pid (name, which may hold anything) state ppid
                parent = int((folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [ancestor]
    while waiting:
        offspring = children.get(waiting.pop(), [])
        found += offspring
        waiting += offspring
    return found


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
