"""Which libvirt daemon to talk to, and a private one where none of the host's would do."""

from __future__ import annotations

import contextlib
import hashlib
import os
import select
import signal
import socket
import struct
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from devbox import process
from devbox.errors import DevboxError
from devbox.host import Kind, accelerator
from devbox.host.kvm import DEVICE
from devbox.paths import Home, private_folder

OVERRIDE = "DEVBOX_LIBVIRT_URI"
SESSION = "qemu:///session"
_IDLE_SECONDS = 60
_STOP_SECONDS = 10.0
_TAIL_LINES = 15
_PATH_LIMIT = 107  # bytes of a UNIX socket's path, linux/un.h
INSIDE = Path("/dev/devbox")  # the daemon's files as it sees them: short, whatever the home is called
_REAPER = (sys.executable, "-IS", str(Path(__file__).with_name("reaper.py")))
_SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)
_PROGRAMS = {"libvirtd": "libvirt-sock", "virtqemud": "virtqemud-sock"}  # and what they listen on


@dataclass(frozen=True)
class PrivateDaemon:
    """A session daemon of this home alone, in a mount namespace of its own.

    It is needed by root, whose ``qemu:///session`` is the system's daemon, which runs QEMU as
    another user; where /dev/kvm can be opened but boots nothing, because libvirt then asks every
    QEMU binary for its capabilities again at each define (48 s): this one doesn't see the device;
    and where no init buries the dead (reaper.py). It ends by itself when no client is connected and
    no machine runs.
    """

    home: Home

    @property
    def files(self) -> Path:
        return self.home.libvirt

    @property
    def log(self) -> Path:
        return self.files / "daemon.log"

    @property
    def definitions(self) -> Path:
        return self.files / "config" / "libvirt" / "qemu"

    @property
    def qemu_logs(self) -> Path:
        return self.files / "cache" / "libvirt" / "qemu" / "log"

    @property
    def program(self) -> str:
        found = next((program for program in _PROGRAMS if process.have(program)), None)
        if found is None:
            raise process.missing("libvirtd")
        return found

    @property
    def socket(self) -> Path:
        """Where clients reach it, by a path that fits into a socket's address."""
        name = Path("libvirt", _PROGRAMS[self.program])
        plain = self.files / "run" / name
        if len(os.fsencode(plain)) <= _PATH_LIMIT:
            return plain
        return _short_link(self.files / "run") / name

    @property
    def uri(self) -> str:
        return f"{SESSION}?socket={quote(str(self.socket))}"

    def answers(self) -> bool:
        return self._listener() is not None

    def ensure(self) -> None:
        """Start it unless it runs; two callers at once start one."""
        if self.answers():
            return
        private_folder(self.home.locks)
        with FileLock(self.home.locks / "libvirt.lock", mode=0o600):
            if not self.answers():
                self._start()

    def stop(self) -> None:
        """End it; machines that run are not touched, and the next daemon finds them again."""
        private_folder(self.home.locks)
        with FileLock(self.home.locks / "libvirt.lock", mode=0o600):
            pid = self._listener()
            if pid is not None:
                _end(pid)
            link = _link_name(self.files / "run")
            if link.is_symlink():
                link.unlink()

    def sees_terminals_of(self, name: str) -> bool:
        """Whether the machine was started by this very daemon: each has terminals of its own.

        The same number may be another machine's terminal by now, so the console must not be joined.
        """
        pid_file = self.files / "run" / "libvirt" / "qemu" / "run" / f"{name}.pid"
        try:
            spaces = {
                Path(f"/proc/{pid}/ns/mnt").readlink()
                for pid in (int(pid_file.read_text()), self._listener())
            }
        except (OSError, ValueError):
            return False
        return len(spaces) == 1

    def _listener(self) -> int | None:
        """The process that listens, as the kernel knows it; a pid file might be stale."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            try:
                client.connect(str(self.socket))
            except OSError:
                return None
            peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid: int = struct.unpack("3i", peer)[0]
        return pid

    def _start(self) -> None:
        self._configure()
        # It puts itself into the background once its sockets are there.
        command = [self.program, "--daemon", "--timeout", str(_IDLE_SECONDS)]
        kvm = accelerator(self.home).kind is Kind.KVM
        try:
            process.run([*_REAPER, *_namespace(self.files, self.home.root, kvm), *command], timeout=60)
        except process.CommandFailed as error:
            raise self._cannot_start(error) from error
        if not self.answers():
            raise DevboxError(
                f"The libvirt daemon of '{self.home.root}' was started but does not answer.",
                details=self._tail(),
                advice=f"Read '{self.log}', then try again.",
            )

    def _configure(self) -> None:
        for name in ("config/libvirt", "cache", "run"):
            private_folder(self.files / name)
        settings = self.files / "config" / "libvirt"
        # QEMU writes its logs itself, so that no second daemon is needed; with a private store and
        # no other user's machines there is nothing for the rest to protect.
        (settings / "qemu.conf").write_text('stdio_handler = "file"\nremember_owner = 0\n')
        (settings / f"{self.program}.conf").write_text(f'log_outputs = "3:file:{INSIDE / self.log.name}"\n')
        self.log.write_bytes(b"")
        self.log.chmod(0o600)

    def _cannot_start(self, error: process.CommandFailed) -> DevboxError:
        if error.output.startswith("bwrap:"):
            return DevboxError(
                f"The private libvirt daemon of '{self.home.root}' could not start, because this host"
                " does not let 'bwrap' make a user namespace.",
                details=error.details,
                advice="Run devbox as an ordinary user (who needs none), allow user namespaces here (for a"
                " container: '--security-opt seccomp=unconfined'), or name another daemon in"
                f" {OVERRIDE}, such as qemu:///system with 'user = \"root\"' in its qemu.conf.",
            )
        return DevboxError(
            f"The private libvirt daemon of '{self.home.root}' could not start.",
            details=f"{error.details}\n{self._tail()}",
            advice="Run 'devbox doctor'.",
        )

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return ""


def private_daemon(home: Home) -> PrivateDaemon | None:
    """The daemon of our own that this user needs; None where ``qemu:///session`` does."""
    if os.environ.get(OVERRIDE):
        return None
    if os.geteuid() == 0:
        return PrivateDaemon(home)
    if not process.have("bwrap"):
        return None
    usable = os.access(DEVICE, os.R_OK | os.W_OK)
    useless = usable and accelerator(home).kind is not Kind.KVM
    if not (useless or not _SYSTEMD.is_dir()):
        return None
    private = PrivateDaemon(home)
    # Without user namespaces the session's own daemon works too, only slower.
    return private if private.answers() or _may_unshare() else None


def _may_unshare() -> bool:
    try:
        process.run(["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], timeout=10)
    except DevboxError:
        return False
    return True


def _namespace(files: Path, home: Path, kvm: bool) -> list[str | Path]:
    """The words that run a program with a /dev of its own and a user number that is not root's."""
    bwrap = process.which("bwrap")
    if bwrap is None:
        raise process.missing("bwrap")
    user = str(os.getuid() or 1000)
    # Templates lie in shared memory. Terminals can't be shared: a bound /dev/ptmx finds no devpts.
    shared: list[str | Path] = ["--dev-bind-try", "/dev/shm", "/dev/shm"]  # noqa: S108 - the host's own
    if kvm:
        shared += ["--dev-bind", DEVICE, DEVICE]
    variables = {
        "XDG_CONFIG_HOME": INSIDE / "config",
        "XDG_CACHE_HOME": INSIDE / "cache",
        "XDG_RUNTIME_DIR": INSIDE / "run",
        "HOME": INSIDE,
        "DEVBOX_HOME": home,  # tells whose daemon this is
    }
    words = [bwrap, "--unshare-user", "--uid", user, "--gid", user, "--bind", "/", "/", "--dev", "/dev"]
    settings = [word for name, value in variables.items() for word in ("--setenv", name, value)]
    return [*words, *shared, "--bind", files, INSIDE, *settings, "--chdir", "/"]


def _short_link(target: Path) -> Path:
    """A link of our own with a short path; others may look at it, but not replace it."""
    link = _link_name(target)
    with contextlib.suppress(FileExistsError):
        link.symlink_to(target)
    if link.lstat().st_uid != os.getuid() or not link.is_symlink() or link.readlink() != target:
        raise DevboxError(
            f"The link '{link}' to devbox's sockets is not what devbox made.",
            advice="Find out who made it and remove it, or choose a shorter DEVBOX_HOME.",
        )
    return link


def _link_name(target: Path) -> Path:
    name = hashlib.sha256(os.fsencode(target)).hexdigest()[:12]
    return Path(tempfile.gettempdir(), f"devbox-{os.getuid()}-{name}")


def _end(pid: int) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], _STOP_SECONDS)[0]:
                return
    finally:
        os.close(handle)
