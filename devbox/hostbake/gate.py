"""The way into a disk that is baked: a root of its own, a glimpse of the host, an sshd behind a socket."""

from __future__ import annotations

import os
import signal
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from devbox.hostbake import kernel
from devbox.hostbake.kernel import MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT

SSHD_CONFIG = "/run/devbox/sshd_config"
HOST_KEY = "/run/devbox/host_key"
AUTHORIZED_KEYS = "/run/devbox/authorized_keys"
OFFLINE = 'SYSTEMD_OFFLINE="1"\n'
_SSHD = "/usr/sbin/sshd"
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_READ_ONLY = ("sys", "irq", "bus", "fs", "sysrq-trigger")
_HIDDEN = ("kcore", "keys", "kallsyms", "timer_list")
_NOTHING = MS_NOSUID | MS_NODEV | MS_NOEXEC


@dataclass(frozen=True)
class Entry:
    """A file to be put there; ``path`` is absolute, in the disk's own root."""

    path: str
    mode: int
    owner: int
    text: str


_ENVIRONMENT = "/run/devbox/environment"
# Only while it is baked: installing a package starts no service (invoke-rc.d(8)), and systemd's programs,
# under sudo too, write what is enabled and leave the rest to the first boot.
_OFFLINE = (
    Entry("/usr/sbin/policy-rc.d", 0o755, 0, "#!/bin/sh\nexit 101\n"),
    Entry("/etc/sudoers.d/devbox-offline", 0o440, 0, f"Defaults env_file={_ENVIRONMENT}\n"),
    Entry(_ENVIRONMENT, 0o644, 0, OFFLINE),
)


class _Closed(Exception):
    """Somebody asked the gate to close."""


def keep(root: Path, name: str, entries: list[Entry], authorities: list[str], ready: int) -> None:
    """Serve connections to the abstract socket ``name`` until SIGTERM; writes a byte to ``ready`` before.

    Whatever is read or written goes through the disk's own root: a link in it can't lead to the host.
    """

    def close(_number: int, _frame: FrameType | None) -> None:
        raise _Closed

    kernel.own_mounts()
    _mounts(root, fresh_sysfs=in_first_namespace())
    kernel.become_root_folder(root)
    for folder in ("/run/lock", "/run/sshd", "/run/devbox"):
        Path(folder).mkdir(mode=0o755)
    for entry in entries:
        _put(entry)
    _trust(authorities)
    for entry in _OFFLINE:
        _set_aside(Path(entry.path))
        _put(entry)
    with suppress(OSError):  # whose login this is; the host's auditing remembers one that was set for good
        Path("/proc/self/loginuid").write_text(str(2**32 - 1))
    kernel.limit_capabilities()
    signal.signal(signal.SIGTERM, close)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets those that end
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door, suppress(_Closed):
        door.bind(f"\0{name}")
        door.listen(16)
        os.write(ready, b".")
        _serve(door)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for entry in _OFFLINE:
        _put_back(Path(entry.path))


def sshd_config() -> str:
    """Keys only; nothing of the disk's own settings has a say."""
    lines = [
        f"HostKey {HOST_KEY}",
        f"AuthorizedKeysFile {AUTHORIZED_KEYS}",
        "StrictModes no",
        "UsePAM yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin no",
        "UseDNS no",
        "PrintMotd no",
        "PrintLastLog no",
        "PidFile none",
        "AcceptEnv LANG LC_*",
        "Subsystem sftp internal-sftp",
    ]
    return "\n".join(lines) + "\n"


def _serve(door: socket.socket) -> None:
    argv = [_SSHD, "-i", "-e", "-f", SSHD_CONFIG]
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
    }
    while True:
        connection, _ = door.accept()
        with connection:
            peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            if struct.unpack("3i", peer)[1] != os.getuid():
                continue
            connected = [(os.POSIX_SPAWN_DUP2, connection.fileno(), number) for number in (0, 1)]
            os.posix_spawn(
                _SSHD,
                argv,
                environment,
                file_actions=connected,
                setsid=True,
                setsigdef=[signal.SIGCHLD, signal.SIGTERM],
            )


def in_first_namespace() -> bool:
    """Whether root here is the host's own."""
    return Path("/proc/self/uid_map").read_text().split() == ["0", "0", str(2**32 - 1)]


def _mounts(root: Path, *, fresh_sysfs: bool) -> None:
    kernel.mount("proc", root / "proc", "proc", _NOTHING)
    for name in _READ_ONLY:
        if (place := root / "proc" / name).exists():
            kernel.mount(str(place), place, "", MS_BIND)
            kernel.mount("none", place, "", MS_BIND | MS_REMOUNT | MS_RDONLY | _NOTHING)
    for name in _HIDDEN:
        if (place := root / "proc" / name).exists():
            kernel.mount("/dev/null", place, "", MS_BIND)
    if fresh_sysfs:
        kernel.mount("sysfs", root / "sys", "sysfs", MS_RDONLY | _NOTHING)
    else:  # a user's namespaces may see the host's only; writing to it takes the host's root
        kernel.mount("/sys", root / "sys", "", MS_BIND | MS_REC)
    kernel.mount("tmpfs", root / "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    _devices(root / "dev")


def _devices(dev: Path) -> None:
    kernel.mount("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for name in _DEVICES:
        (dev / name).touch()
        kernel.mount(f"/dev/{name}", dev / name, "", MS_BIND)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    kernel.mount(
        "devpts", dev / "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"
    )
    kernel.mount("tmpfs", dev / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for name, target in _LINKS.items():
        (dev / name).symlink_to(target)


def _put(entry: Entry) -> None:
    """In the place of whatever is there, a link too."""
    path = Path(entry.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(entry.text)
    path.chmod(entry.mode)
    os.chown(path, entry.owner, entry.owner)


def _set_aside(path: Path) -> None:
    if path.is_symlink() or path.exists():
        path.rename(path.with_name(f".{path.name}.devbox"))


def _put_back(path: Path) -> None:
    path.unlink(missing_ok=True)
    aside = path.with_name(f".{path.name}.devbox")
    if aside.is_symlink() or aside.exists():
        aside.rename(path)


def _trust(authorities: list[str]) -> None:
    """As a machine does when it boots; cleaning takes them away again."""
    if _BUNDLE.exists():
        known = _BUNDLE.read_bytes()
        missing = [text.encode() for text in authorities if text.strip().encode() not in known]
        _BUNDLE.write_bytes(known + b"".join(missing))
