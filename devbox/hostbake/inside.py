"""The first process of a bake's own namespaces: it mounts the disk, opens the gate, and ends all again."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from devbox import process
from devbox.errors import DevboxError
from devbox.hostbake import gate, kernel

OPENED, CLOSED, FINISH = "opened", "closed", "finish"
_PATIENCE, _PAUSE = 30.0, 0.02


@dataclass(frozen=True)
class Bake:
    """What is told to the process as one line of JSON.

    ``work`` is an empty folder. The root file system has ``size`` bytes from byte ``offset`` of the qcow2
    ``disk`` on, in its last partition; ``grown`` says that the partition does not reach so far yet.
    ``socket`` names the abstract socket of sshd.
    """

    disk: str
    work: str
    offset: int
    size: int
    partition: int
    grown: bool
    name: str  # the host name
    socket: str
    entries: list[gate.Entry] = field(default_factory=list)
    authorities: list[str] = field(default_factory=list)

    def as_line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def of_line(cls, line: str) -> Self:
        told = json.loads(line)
        return cls(**{**told, "entries": [gate.Entry(**entry) for entry in told["entries"]]})


def main() -> int:
    """Tells ``opened`` when sshd can be reached; then waits for ``finish``, and tells ``closed``.

    Anything else, and the end of its input above all, ends it and with it every process and mount.
    """
    kernel.call_oneself("init")  # Ansible takes the first process's name for that of the init system
    bake = Bake.of_line(sys.stdin.readline())
    socket.sethostname(bake.name)
    work = Path(bake.work)
    kernel.mount("tmpfs", work, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0700")
    if bake.grown:
        _grow_partition(bake.disk, work / "disk", bake.partition)
    file, root = work / "part", work / "root"
    root.mkdir()
    storage = _export(bake.disk, file, f"offset={bake.offset},size={bake.size}")
    process.run(["resize2fs", "-f", file])
    # Whoever is last in a mount namespace unmounts what is in it as it dies. Were that the storage daemon, it
    # would wait for itself to write, and everybody who calls sync() with it; so it is in none with the disk.
    kernel.own_mounts()
    servers = [storage, *_mount(file, root)]
    doorkeeper = _open(root, bake)
    _say(OPENED)
    signal.signal(signal.SIGCHLD, _forget_the_dead)
    if sys.stdin.readline().strip() != FINISH:
        return 1
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _end_all_but({os.getpid(), doorkeeper, *servers})
    os.kill(doorkeeper, signal.SIGTERM)
    _gone(doorkeeper)
    _unmount(root, servers)
    _end(storage)
    _say(CLOSED)
    return 0


def _export(disk: str, file: Path, part: str = "") -> int:
    """Show the qcow2, or a part of it, as a raw file.

    A flush costs nothing, since a bake that breaks off is thrown away.
    """
    file.touch()
    storage = f"driver=qcow2,node-name=disk,file.driver=file,file.filename={_escaped(disk)}"
    options = ["--blockdev", f"{storage},discard=unmap,cache.no-flush=on"]
    if part:
        options += ["--blockdev", f"driver=raw,node-name=part,file=disk,discard=unmap,{part}"]
    node = "part" if part else "disk"
    export = f"type=fuse,id=export,node-name={node},mountpoint={_escaped(str(file))},writable=on"
    pid = _start(["qemu-storage-daemon", *options, "--export", export])
    _until(lambda: file.stat().st_size > 0, "qemu-storage-daemon did not export the disk", pid)
    return pid


def _escaped(text: str) -> str:
    return text.replace(",", ",,")


def _grow_partition(disk: str, file: Path, partition: int) -> None:
    """To the disk's end, as a machine does when it boots."""
    storage = _export(disk, file)
    grow = ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "-N", str(partition), str(file)]
    process.run(grow, stdin=b", +\n")
    _end(storage)


def _end(storage: int) -> None:
    """Let the storage daemon write what it holds."""
    os.kill(storage, signal.SIGTERM)
    if _gone(storage) != 0:
        raise DevboxError("qemu-storage-daemon could not write the disk.")


def _mount(file: Path, root: Path) -> list[int]:
    """As the host's root through a loop device that the kernel frees with the mount, else through FUSE.

    Returns the processes that serve the mount.
    """
    if gate.in_first_namespace():
        options = "loop,nodev,errors=remount-ro,barrier=0"
        process.run(["mount", "-t", "ext4", "-o", options, file, root])
        return []
    options = "rw,allow_other,default_permissions,fakeroot"
    pid = _start(["fuse2fs", "-f", "-o", options, str(file), str(root)])
    _until(root.is_mount, "fuse2fs did not mount the disk", pid)
    process.run(["mount", "-o", "remount,bind,nodev,suid", root])
    return [pid]


def _unmount(root: Path, servers: list[int]) -> None:
    """Until nothing of the file system is left to be written."""
    with suppress(DevboxError):  # blocks that hold nothing are no part of the layer, if that can be had
        process.run(["fstrim", root])
    device = process.run(["findmnt", "--noheadings", "--output", "SOURCE", "--mountpoint", root]).strip()
    process.run(["umount", root])
    for pid in servers[1:]:
        _gone(pid)
    backing = Path("/sys/block") / Path(device).name / "loop" / "backing_file"
    _until(lambda: not backing.exists(), f"'{device}' was not let go")


def _open(root: Path, bake: Bake) -> int:
    """Start the process that keeps the gate, in mounts of its own."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ready)
        gate.keep(root, bake.socket, bake.entries, bake.authorities, told)
        raise SystemExit(0)
    os.close(told)
    with os.fdopen(ready, "rb") as opened:
        if not opened.read(1):
            raise DevboxError("The disk's root could not be entered.")
    return pid


def _start(argv: list[str]) -> int:
    """What it says goes where our own complaints go; our input and output are for who started us."""
    nothing = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDWR, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
    program = process.which(argv[0])
    if program is None:
        raise process.missing(argv[0])
    return os.posix_spawn(program, argv, dict(os.environ), file_actions=nothing)


def _until(done: Callable[[], bool], complaint: str, server: int = 0) -> None:
    """Poll until it is done; DevboxError with the complaint when the server ended or nothing came of it."""
    deadline = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > deadline or (server and os.waitpid(server, os.WNOHANG)[0]):
            raise DevboxError(f"{complaint}.")
        time.sleep(_PAUSE)


def _gone(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _forget_the_dead(_number: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _end_all_but(kept: set[int]) -> None:
    """Kill every other process in these namespaces, and wait until they are gone."""
    deadline = time.monotonic() + _PATIENCE
    while others := {int(path.name) for path in Path("/proc").glob("[0-9]*")} - kept:
        for pid in others:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            raise DevboxError(f"Processes of the bake did not end: {sorted(others)}.")
        time.sleep(_PAUSE)


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except DevboxError as error:
        raise SystemExit(f"{error.message} {error.details}".strip()) from error
