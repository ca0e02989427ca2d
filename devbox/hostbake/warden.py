"""A program that runs another and, when who started it is gone, ends that and removes a folder."""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from contextlib import suppress


def main(words: list[str]) -> int:
    """``FOLDER PROGRAM ARGUMENT…``: standard input and output are the program's.

    The other end of standard input is held by the caller alone. When it closes before the program has
    ended, the caller was killed: the program is killed too, and FOLDER, which it worked in, goes.
    """
    folder, *argv = words
    program = os.posix_spawnp(argv[0], argv, dict(os.environ))
    ended = os.pidfd_open(program)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(0, 0)  # only its hanging up; what is written is for the program
    ready = {descriptor for descriptor, _ in poll.poll()}
    left_alone = ended not in ready
    if left_alone:
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) % 256
    if left_alone:
        shutil.rmtree(folder, ignore_errors=True)
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
