"""What this host has for baking by itself."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from devbox import process
from devbox.errors import DevboxError
from devbox.hostbake.choice import HostFacts

_FUSE = Path("/dev/fuse")
_LOOP = Path("/dev/loop-control")
_PROGRAMS = ("qemu-storage-daemon", "unshare", "setpriv", "sfdisk", "resize2fs", "mount", "umount")
_FOR_USERS = ("fuse2fs", "newuidmap")
_DEBIAN_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


@cache  # nothing of it changes while one command runs
def gather() -> HostFacts:
    machine = platform.machine()
    return HostFacts(_DEBIAN_NAMES.get(machine, machine), tuple(_lacks(os.geteuid() == 0)))


def namespaces(root: bool) -> list[str]:
    """The command that gives a program namespaces of its own; they end when it is killed."""
    own = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc"]
    user = [] if root else ["--user", "--map-root-user", "--map-auto"]
    return ["unshare", *user, *own, "--"]


def _lacks(root: bool) -> list[str]:
    """Clauses that finish the sentence 'this host …'; the cheap questions first."""
    missing = [name for name in (*_PROGRAMS, *(() if root else _FOR_USERS)) if not process.have(name)]
    if missing:
        return [f"has no {' and no '.join(missing)}"]
    if not os.access(_FUSE, os.R_OK | os.W_OK):
        return [f"lets this user not open {_FUSE}" if _FUSE.exists() else f"has no {_FUSE}"]
    if root and not _LOOP.exists():
        return [f"has no {_LOOP}"]
    if "type=]fuse" not in process.run(["qemu-storage-daemon", "--help"]):
        return ["has a qemu-storage-daemon that can't export through FUSE"]
    try:
        process.run([*namespaces(root), "true"], timeout=10)
    except DevboxError as error:
        said = error.details.strip().splitlines() or [error.message]
        return [f"gives this user no namespaces ({said[-1]})"]
    return []
