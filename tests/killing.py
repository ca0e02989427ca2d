"""Runs devbox and kills it (-9) before or after its Nth effect: python killing.py N TRACE -- WORDS...

An effect is a call that changes something outside the process: another program, libvirt, a file
put in place. They are seen by the interpreter's own profiling hook, so nothing of devbox is
replaced. TRACE gets a line for each effect; without a kill the program ends as it would anyway.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

_PYTHON = {
    "libvirt.py": {
        *("create", "createXML", "defineXML", "destroy", "resume", "setMetadata", "shutdown", "suspend"),
        "undefineFlags",
    },
    "libvirt_qemu.py": {"qemuMonitorCommandWithFiles"},
    "process.py": {"run", "stream"},
}
_C = {"link", "rename", "replace"}


class Killer:
    """Counts both ends of each effect; at the ``at``-th the process is gone."""

    def __init__(self, at: int, trace: TextIO) -> None:
        self._at, self._trace = at, trace
        self._count = itertools.count(1)

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event in {"call", "return"}:
            file = Path(frame.f_code.co_filename).name
            if frame.f_code.co_name in _PYTHON.get(file, ()):
                self._effect(f"{event} {file}:{frame.f_code.co_name}")
        elif getattr(arg, "__module__", "") == "posix" and arg.__name__ in _C:
            self._effect(f"{event} {arg.__name__} in {frame.f_code.co_filename}")

    def _effect(self, what: str) -> None:
        number = next(self._count)
        self._trace.write(f"{number} {what}\n")
        self._trace.flush()
        if number == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    at, trace, _, *words = sys.argv[1:]
    from devbox.cli import main as devbox

    sys.argv = ["devbox", *words]
    with Path(trace).open("a", encoding="utf-8") as file:
        killer = Killer(int(at), file)
        threading.setprofile(killer)
        sys.setprofile(killer)
        devbox()


if __name__ == "__main__":
    main()
