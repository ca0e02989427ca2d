"""What a test session left on the host: processes, domains, sockets and environments of its home."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from devbox.paths import Home

# They end by themselves after a while without clients; everything else must be gone at once.
_DAEMONS = frozenset({"devbox-reaper", "libvirtd", "virtlogd", "virtlockd", "bwrap", "virtqemud"})
_PATIENCE = 10.0


@dataclass(frozen=True)
class Leftovers:
    home: Home

    def found(self) -> list[str]:
        """One line for each thing that should be gone."""
        found = [f"process {pid} ({name})" for pid, name in self._processes() if name not in _DAEMONS]
        if self.home.environments.is_dir():
            found += [str(folder) for folder in self.home.environments.iterdir() if folder.is_dir()]
        found += [str(path) for path in self.home.libvirt.rglob("*.devbox.xml")]
        return found

    def remove(self) -> None:
        """End the processes and delete the home's own files."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + _PATIENCE
            for pid, _ in self._processes():
                _signal(pid, number)
            while self._processes() and time.monotonic() < deadline:
                time.sleep(0.1)
        shutil.rmtree(self.home.root, ignore_errors=True)  # links to what is kept are only unlinked

    def _processes(self) -> list[tuple[int, str]]:
        """Processes whose command, environment or mounts name the home, without this one and its parents."""
        needle = os.fsencode(self.home.root)
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                texts = [(folder / text).read_bytes() for text in ("cmdline", "environ", "mountinfo")]
                name = (folder / "comm").read_text().strip()
            except OSError:  # it ended, or is another user's
                continue
            words = b"\0".join(texts)
            if (needle + b"/" in words or needle + b"\0" in words) and int(folder.name) != os.getpid():
                found.append((int(folder.name), name))
        return found


def remains_of_dead_sessions(kept: Path) -> list[Leftovers]:
    """Homes of sessions that were killed: their folder bears the number of a process that is gone."""
    folders = kept.glob("[0-9]*") if kept.is_dir() else ()
    return [Leftovers(Home(folder)) for folder in folders if not Path("/proc", folder.name).exists()]


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
