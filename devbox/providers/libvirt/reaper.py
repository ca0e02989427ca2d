"""Starts a daemon and buries the processes that it leaves orphaned; run as a program of its own.

libvirt takes a machine for running as long as QEMU's process exists, also as a zombie. Where process 1
is no real init (containers, CI) zombies stay for seconds or for ever, and `destroy` waits for that long
or fails. This process adopts QEMU instead, and ends when the last of its children has.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence

_PR_SET_NAME, _PR_SET_CHILD_SUBREAPER = 15, 36  # linux/prctl.h
_NAME = b"devbox-reaper"


def main(argv: Sequence[str]) -> int:
    """Run ``argv`` until it ends or has put itself into the background; its status is ours."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _reap(argv, writer)
        return 0
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        status = answer.read()
    return status[0] if status else 1


def _reap(argv: Sequence[str], answer: int) -> None:
    os.setsid()
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_NAME, _NAME, 0, 0, 0)
    started = os.posix_spawnp(argv[0], list(argv), os.environ)
    _let_go()
    with contextlib.suppress(ChildProcessError):  # raised when there is none left
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == started:
                os.write(answer, bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
                os.close(answer)


def _let_go() -> None:
    """Keep neither the terminal nor the pipes that the caller waits for."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
