"""What was deleted is still on the disk: in free blocks, journals, folders' gaps and swap."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path

from devbox.process import CommandFailed, run
from devbox.scrub.mounting import Partition, looped, mounted
from devbox.scrub.rooted import Root

_EXT = frozenset({"ext2", "ext3", "ext4"})
_ZEROS = bytes(1 << 22)
_GROUP = re.compile(r"^Group (\d+):", re.MULTILINE)
_REPAIRED = 1  # e2fsck's status when it changed something, as it was asked to


def clear(raw: Path, partition: Partition, folder: Path) -> None:
    """Overwrite what no file holds; the file system must not be mounted."""
    if partition.kind == "swap":
        _clear_swap(raw, partition)
        return
    with looped(raw, partition) as device:
        journal = partition.kind in _EXT and _has_journal(device)
        if partition.kind in _EXT:
            _clear_inodes(device)
            if journal:
                run(["tune2fs", "-O", "^has_journal", device])
            _tidy(device, "-D")  # folders are written anew, without the names that were deleted
            _clear_blocks(device)
        else:
            with mounted(device, folder / "free", partition.kind) as top:
                _fill(top / ".devbox-zeros")
                with contextlib.suppress(CommandFailed):  # not every file system can
                    run(["fstrim", top])
        if journal:
            run(["tune2fs", "-O", "has_journal", device])
            _tidy(device)


def _has_journal(device: Path) -> bool:
    return "has_journal" in run(["dumpe2fs", "-h", device])


def _tidy(device: Path, *options: str) -> None:
    try:
        run(["e2fsck", "-f", "-y", *options, device])
    except CommandFailed as error:
        if error.status != _REPAIRED:
            raise


def _clear_inodes(device: Path) -> None:
    """Deleted inodes keep short links' targets, attributes and times until they are used again."""
    text = run(["dumpe2fs", device])
    each = re.search(r"^Inodes per group:\s+(\d+)", text, re.MULTILINE)
    assert each is not None
    commands = "".join(f"clri <{number}>\n" for number in free_inodes(text, int(each[1])))
    if commands:
        run(["debugfs", "-w", "-f", "-", device], stdin=commands.encode())


def _clear_blocks(device: Path) -> None:
    """By the list of free blocks: a mounted file system keeps some back that no file can fill."""
    text = run(["dumpe2fs", device])
    size = re.search(r"^Block size:\s+(\d+)", text, re.MULTILINE)
    assert size is not None
    opened = os.open(device, os.O_WRONLY)
    try:
        for first, last in free_blocks(text):
            at, end = first * int(size[1]), (last + 1) * int(size[1])
            while at < end:
                at += os.pwrite(opened, _ZEROS[: min(len(_ZEROS), end - at)], at)
        os.fsync(opened)
    finally:
        os.close(opened)


def free_blocks(text: str) -> list[tuple[int, int]]:
    """First and last block of each free stretch, out of what dumpe2fs says."""
    stretches = re.findall(r"^  Free blocks: (.+)$", text, re.MULTILINE)
    spans = [span.partition("-") for line in stretches for span in line.split(", ")]
    return [(int(first), int(last or first)) for first, _, last in spans]


def free_inodes(text: str, per_group: int) -> list[int]:
    """Free inodes that may have been used, out of what dumpe2fs says; the kernel counts those never used."""
    found: list[int] = []
    pieces = _GROUP.split(text)[1:]
    for number, piece in zip(pieces[::2], pieces[1::2], strict=True):
        unused = re.search(r"(\d+) unused inodes", piece)
        limit = (int(number) + 1) * per_group - (int(unused[1]) if unused else 0)
        free = re.search(r"^  Free inodes: (.*)$", piece, re.MULTILINE)
        for span in filter(None, (free[1] if free else "").split(", ")):
            first, _, last = span.partition("-")
            found.extend(range(int(first), min(int(last or first), limit) + 1))
    return found


def _fill(file: Path) -> None:
    """Zeros until nothing more fits; what is written is freed again, and reads as zeros."""
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        size = len(_ZEROS)
        while size >= 512:
            try:
                os.write(opened, _ZEROS[:size])
                os.fsync(opened)
            except OSError as error:
                if error.errno not in {errno.ENOSPC, errno.EFBIG}:
                    raise
                size //= 2
    finally:
        os.close(opened)
        file.unlink()


def clear_swap_files(root: Root) -> list[str]:
    """Overwrite the swap files that fstab names, and return their names."""
    cleared: list[str] = []
    lines = root.read(b"/etc/fstab").splitlines() if root.exists(b"/etc/fstab") else []
    for fields in (line.split() for line in lines):
        if len(fields) < 3 or fields[2] != b"swap" or fields[0].startswith((b"/dev/", b"#")):
            continue
        if not fields[0].startswith(b"/") or not root.exists(fields[0]):
            continue
        with root.opened(fields[0], os.O_RDWR) as file:
            size, at = os.fstat(file).st_size, 0
            while at < size:
                at += os.pwrite(file, _ZEROS[: min(len(_ZEROS), size - at)], at)
            os.fsync(file)
            run(["mkswap", f"/proc/{os.getpid()}/fd/{file}"])
        cleared.append(os.fsdecode(fields[0]))
    return cleared


def _clear_swap(raw: Path, partition: Partition) -> None:
    """Pages of memory go; the signature by which fstab finds it stays the same."""
    with looped(raw, partition) as device:
        opened = os.open(device, os.O_WRONLY)
        try:
            left = partition.size
            while left:
                left -= os.write(opened, _ZEROS[: min(left, len(_ZEROS))])
            os.fsync(opened)
        finally:
            os.close(opened)
        names = ["-U", partition.uuid] if partition.uuid else []
        names += ["-L", partition.label] if partition.label else []
        run(["mkswap", *names, device])
