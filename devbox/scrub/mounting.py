"""A disk's file systems mounted without booting it: out of sight of the host, and gone with this process."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from devbox.errors import DevboxError, Refused
from devbox.process import CommandFailed, run, stream

_CLONE_NEWNS, _CLONE_FS = 0x00020000, 0x00000200  # linux/sched.h
_PATIENCE = 30  # seconds until a disk has to be there
_KNOWN = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat"})
_NO_FILES = frozenset({"swap", ""})


@dataclass(frozen=True)
class Partition:
    """Where it lies on the disk in bytes, and what blkid says of it; ``kind`` is empty for no file system."""

    number: int
    start: int
    size: int
    kind: str
    uuid: str
    label: str
    partition_uuid: str

    def is_named(self, name: str) -> bool:
        """Whether a first field of fstab means this partition."""
        key, _, value = name.partition("=")
        known = {"UUID": self.uuid, "LABEL": self.label, "PARTUUID": self.partition_uuid}
        if value:
            return value.strip('"').lower() == known.get(key, "").lower() != ""
        last = name.rpartition("/")[2]
        return name.startswith("/dev/") and last in {
            f"{disk}{self.number}" for disk in ("vda", "sda", "xvda", "hda", "nvme0n1p", "mmcblk0p")
        }


@contextlib.contextmanager
def own_mounts() -> Iterator[None]:
    """What this thread mounts is seen by nobody else, and the kernel undoes it if we are killed."""
    library = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.unshare(_CLONE_NEWNS) != 0:
            why = os.strerror(ctypes.get_errno())
            raise Refused(
                f"A disk can't be mounted here: {why}.",
                advice="Run it as root ('sudo devbox scrub …'), or scrub the machine while it runs.",
            )
        run(["mount", "--make-rprivate", "/"])
        here = Path.cwd()
        yield
        # Threads that were started meanwhile share our working folder, which setns does not allow.
        if library.unshare(_CLONE_FS) != 0 or library.setns(before, _CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.chdir(here)
    finally:
        os.close(before)


@contextlib.contextmanager
def exported(disk: Path, form: str, folder: Path, *, writable: bool) -> Iterator[Path]:
    """The disk's contents as a raw file; freed pieces of it are freed in the disk as well."""
    raw, pid_file = folder / "raw", folder / "pid"
    raw.touch(mode=0o600)
    node = {
        "driver": form,
        "node-name": "disk",
        "read-only": not writable,
        "discard": "unmap",
        "detect-zeroes": "unmap" if writable else "off",
        "file": {"driver": "file", "filename": str(disk), "discard": "unmap"},
    }
    export = f"type=fuse,id=raw,node-name=disk,mountpoint={raw},writable={'on' if writable else 'off'}"
    argv = ["qemu-storage-daemon", "--blockdev", json.dumps(node), "--export", export]
    failures: list[DevboxError] = []

    def serve() -> None:
        try:
            stream([*argv, "--pidfile", str(pid_file)], lambda _line: None)
        except DevboxError as error:
            failures.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        _wait(pid_file, thread, failures)
        yield raw
    finally:
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        thread.join(_PATIENCE)
        pid_file.unlink(missing_ok=True)


def _wait(pid_file: Path, thread: threading.Thread, failures: list[DevboxError]) -> None:
    """qemu-storage-daemon writes its pid when all exports are there."""
    deadline = time.monotonic() + _PATIENCE
    while not (pid_file.exists() and pid_file.read_text().strip()):
        if failures:
            raise failures[0]
        if not thread.is_alive() or time.monotonic() > deadline:
            raise DevboxError("The disk could not be opened by 'qemu-storage-daemon'.")
        time.sleep(0.02)


def partitions(raw: Path) -> list[Partition]:
    """The partitions, or the one file system that fills a disk without any."""
    try:
        table = json.loads(run(["sfdisk", "--json", raw]))["partitiontable"]
    except (CommandFailed, ValueError, KeyError):
        whole = _probed(raw, 0, 0, raw.stat().st_size, "")
        return [whole] if whole.kind else []
    sector = int(table.get("sectorsize", 512))
    return [
        _probed(raw, number, entry["start"] * sector, entry["size"] * sector, entry.get("uuid", ""))
        for number, entry in enumerate(table["partitions"], 1)
    ]


def _probed(raw: Path, number: int, start: int, size: int, partition_uuid: str) -> Partition:
    argv = ["blkid", "-p", "-o", "export", "-O", str(start), "-S", str(size), str(raw)]
    try:
        lines = run(argv).splitlines()
    except CommandFailed as error:
        if error.status != 2:  # nothing was recognized there
            raise
        lines = []
    says = dict(line.split("=", 1) for line in lines if "=" in line)
    kind = says.get("TYPE", "")
    return Partition(number, start, size, kind, says.get("UUID", ""), says.get("LABEL", ""), partition_uuid)


@cache
def can_mount(kind: str) -> bool:
    """Whether this host's kernel knows the file system, or has a module that does."""
    file = Path("/proc/filesystems")
    if kind not in file.read_text().split():
        with contextlib.suppress(DevboxError):
            run(["modprobe", kind])
    return kind in file.read_text().split()


def check_known(found: list[Partition], disk: Path) -> list[Partition]:
    """Refuse what can't be looked into before anything is changed; return what can be.

    An EFI partition holds boot loaders: where the kernel has no vfat, its bytes are all that is looked at.
    """
    strange = [
        one
        for one in found
        if one.kind not in _KNOWN | _NO_FILES
        or (one.kind not in _NO_FILES | {"vfat"} and not can_mount(one.kind))
    ]
    if strange or not found:
        named = ", ".join(f"partition {one.number} is '{one.kind}'" for one in strange) or "it has none"
        raise Refused(
            f"The file systems of '{disk}' can't all be looked into: {named}.",
            advice="Scrub the machine while it runs: 'devbox scrub MACHINE'.",
        )
    return [one for one in found if one.kind != "vfat" or can_mount("vfat")]


@contextlib.contextmanager
def looped(raw: Path, partition: Partition, *, read_only: bool = False) -> Iterator[Path]:
    """A block device for one partition."""
    argv = ["losetup", "--find", "--show", "--offset", str(partition.start)]
    argv += ["--sizelimit", str(partition.size), *(["--read-only"] if read_only else []), str(raw)]
    device = Path(run(argv).strip())
    held = os.open(device, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # While somebody has it open this only asks for it: it goes when we close it, or are killed.
        run(["losetup", "--detach", device])
        yield device
    finally:
        os.close(held)


@contextlib.contextmanager
def mounted(device: Path, folder: Path, kind: str, *, read_only: bool = False) -> Iterator[Path]:
    """The file system, where nothing is executed and no device is one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    options = f"nodev,nosuid,noexec,{'ro' if read_only else 'rw'}"
    if kind == "ext4" and read_only:
        options += ",noload"
    run(["mount", "-t", kind, "-o", options, device, folder])
    try:
        yield folder
    finally:
        run(["umount", folder])


@contextlib.contextmanager
def assembled(
    raw: Path, found: list[Partition], folder: Path, *, read_only: bool = False
) -> Iterator[tuple[Path, list[tuple[Partition, Path]]]]:
    """The guest's tree, put together as its fstab says, and each part with where it is mounted.

    Raises Refused where a file system has no place in that tree.
    """
    with contextlib.ExitStack() as stack:
        top = folder / "tree"
        root = _root_of(raw, [one for one in found if one.kind not in _NO_FILES], folder)
        device = stack.enter_context(looped(raw, root, read_only=read_only))
        stack.enter_context(mounted(device, top, root.kind, read_only=read_only))
        parts = [(root, top)]
        places = _places(top)
        for one in found:
            if one is root or one.kind in _NO_FILES:
                continue
            place = next((where for name, where in places if one.is_named(name)), "")
            if not place and one.kind == "vfat":
                place = "/boot/efi"
            at = top / place.lstrip("/")
            if not place or at.is_symlink() or not at.is_dir() or not at.resolve().is_relative_to(top):
                raise Refused(
                    f"Partition {one.number} ({one.kind}) has no place in the disk's own /etc/fstab.",
                    advice="Name it there, or scrub the machine while it runs.",
                )
            device = stack.enter_context(looped(raw, one, read_only=read_only))
            stack.enter_context(mounted(device, at, one.kind, read_only=read_only))
            parts.append((one, at))
        yield top, parts


def _root_of(raw: Path, candidates: list[Partition], folder: Path) -> Partition:
    for one in candidates:
        with (
            looped(raw, one, read_only=True) as device,
            mounted(device, folder / "look", one.kind, read_only=True) as top,
        ):
            if (top / "etc" / "passwd").is_file():
                return one
    raise Refused("No partition of the disk has an /etc/passwd, so it is no system that can be scrubbed.")


def _places(top: Path) -> list[tuple[str, str]]:
    """What fstab mounts where, upper folders first."""
    file = top / "etc" / "fstab"
    if file.is_symlink() or not file.is_file():
        return []
    fields = [line.split() for line in file.read_text(errors="replace").splitlines()]
    places = [(one[0], one[1]) for one in fields if len(one) >= 3 and one[1].startswith("/")]
    return sorted((place for place in places if not place[0].startswith("#")), key=lambda one: one[1])
