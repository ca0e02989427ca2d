"""The system calls that Python's library lacks, on Linux."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

# linux/sched.h, sys/mount.h, linux/prctl.h
CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RDONLY = 2, 4, 8, 1
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_PR_SET_NAME, _PR_CAPBSET_READ, _PR_CAPBSET_DROP = 15, 23, 24

# linux/capability.h. What installing and configuring software takes, as containers have it; neither mounting,
# nor modules, nor the network's settings, nor other processes' memory.
_KEPT = {
    "chown": 0,
    "dac_override": 1,
    "dac_read_search": 2,
    "fowner": 3,
    "fsetid": 4,
    "kill": 5,
    "setgid": 6,
    "setuid": 7,
    "setpcap": 8,
    "linux_immutable": 9,
    "net_bind_service": 10,
    "net_raw": 13,
    "sys_chroot": 18,
    "mknod": 27,
    "audit_write": 29,
    "setfcap": 31,
}

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path | str, kind: str, flags: int, options: str = "") -> None:
    texts = (source.encode(), os.fsencode(target), kind.encode())
    _check(_libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None), str(target))


def own_mounts() -> None:
    """From here on what is mounted is seen by this process and those that it starts."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def become_root_folder(folder: Path) -> None:
    """Make the mounted folder this namespace's root; what was before is out of reach (pivot_root(2))."""
    os.chdir(folder)
    _check(_libc.pivot_root(b".", b"."), str(folder))
    _check(_libc.umount2(b".", _MNT_DETACH), str(folder))
    os.chdir("/")


def call_oneself(name: str) -> None:
    """What /proc shows as this process's name."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def limit_capabilities() -> None:
    """Programs that are started from here on can't have other capabilities than those kept."""
    number = 0
    while _libc.prctl(_PR_CAPBSET_READ, number, 0, 0, 0) >= 0:
        if number not in _KEPT.values():
            _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), f"capability {number}")
        number += 1


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
