"""Digests of the big files of a stored folder, so that damage is found before a machine stands on it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from devbox.errors import DevboxError
from devbox.sparse import extents

_NAME = "seal.json"
_FORMAT = 1
_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_THREADS = 2  # hashing lets go of the interpreter; more would only fight for the disk
_TICK_SECONDS = 0.02  # longer than the kernel's clock for file times stands still


class Damaged(DevboxError):
    """Something in the store is no longer what was put there; ``path`` is the file, or its folder."""

    def __init__(self, path: Path, problem: str, details: str = "") -> None:
        self.path = path
        super().__init__(
            f"'{path}' {problem}.",
            details=details,
            advice="Run 'devbox gc --damaged': it removes what is damaged, and 'devbox up' makes it anew.",
        )


@dataclass(frozen=True)
class _Sealed:
    """What is known of one file; ``stamp`` is its inode, size and time of change in nanoseconds."""

    bytes: int
    sha256: str
    stamp: tuple[int, int, int]


def seal(folder: Path) -> None:
    """Write down what every file below the folder holds now."""
    names = _files(folder)
    _settle(folder, names)
    with ThreadPoolExecutor(_THREADS) as pool:
        sealed = pool.map(lambda name: _seen(folder / name), names)
        _write(folder, dict(zip(names, sealed, strict=True)))


def check(folder: Path, *, adopt: bool = False) -> None:
    """Look whether the files are as they were sealed; one that nobody touched is believed.

    Raises Damaged for the first that is not. ``adopt`` seals a folder that never was.
    """
    if adopt and not (folder / _NAME).exists():
        seal(folder)
        return
    _compare(folder, believe=True)


def verify(folder: Path) -> None:
    """Read everything again, whatever the stamps say. Raises Damaged for the first file that differs."""
    _compare(folder, believe=False)


def _compare(folder: Path, *, believe: bool) -> None:
    before = _read(folder)
    doubted = [
        name
        for name, sealed in before.items()
        if not (believe and _stamp_or_none(folder / name) == sealed.stamp)
    ]
    if not doubted:
        return
    _settle(folder, [name for name in doubted if (folder / name).exists()])
    with ThreadPoolExecutor(_THREADS) as pool:
        now = pool.map(lambda name: _same(folder / name, before[name]), doubted)
        after = before | dict(zip(doubted, now, strict=True))
    if after != before:
        _write(folder, after)


def _same(file: Path, before: _Sealed) -> _Sealed:
    """The file as it is now; raises Damaged unless it holds what it held."""
    try:
        now = _seen(file)
    except FileNotFoundError as error:
        raise Damaged(file, "is gone", f"It had the digest {before.sha256}.") from error
    except OSError as error:
        raise Damaged(file, f"cannot be read: {error.strerror}") from error
    if (now.bytes, now.sha256) != (before.bytes, before.sha256):
        has = f"It has {now.bytes} bytes and the digest {now.sha256},"
        raise Damaged(file, "is damaged", f"{has}\nand should have {before.bytes} and {before.sha256}.")
    return now


def _seen(file: Path) -> _Sealed:
    stamp = _stamp(file)  # taken first: what is changed meanwhile is looked at again next time
    return _Sealed(stamp[1], digest(file), stamp)


def digest(file: Path) -> str:
    """The digest of where the file's data is and of the data; holes and zeros count alike.

    Memory of machines and disks are mostly holes, which cost nothing this way.
    """
    found = hashlib.sha256()
    descriptor = os.open(file, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        for offset in _with_data(descriptor):
            chunk = os.pread(descriptor, _CHUNK, offset)
            if chunk != _ZEROS[: len(chunk)]:
                found.update(offset.to_bytes(8))
                found.update(chunk)
    finally:
        os.close(descriptor)
    found.update(size.to_bytes(8))
    return found.hexdigest()


def _with_data(descriptor: int) -> Iterator[int]:
    """Where the chunks begin that are not altogether holes."""
    done = 0
    for start, end in extents(descriptor):
        first = max(start - start % _CHUNK, done)
        yield from range(first, end, _CHUNK)
        done = max(done, first - (first - end) // _CHUNK * _CHUNK)


def _settle(folder: Path, names: list[str]) -> None:
    """Wait a moment if a file was written just now: what is written next must get another time."""
    newest = max((_stamp(folder / name)[2] for name in names), default=0)
    if time.time_ns() - newest < _TICK_SECONDS * 1e9:
        time.sleep(_TICK_SECONDS)


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _stamp_or_none(file: Path) -> tuple[int, int, int] | None:
    try:
        return _stamp(file)
    except OSError:
        return None


def _files(folder: Path) -> list[str]:
    """The largest first, so that the threads end together."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.name.startswith((_NAME, f".{_NAME}"))
    ]
    files.sort(key=lambda path: (-path.stat().st_size, path))
    return [str(path.relative_to(folder)) for path in files]


def _read(folder: Path) -> dict[str, _Sealed]:
    file = folder / _NAME
    try:
        document = json.loads(file.read_bytes())
        return {
            name: _Sealed(one["bytes"], one["sha256"], tuple(one["stamp"]))
            for name, one in document["files"].items()
        }
    except FileNotFoundError as error:
        raise Damaged(folder, "was never sealed") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged(file, "is damaged", str(error)) from error


def _write(folder: Path, files: dict[str, _Sealed]) -> None:
    """Replace the seal as a whole; the folder keeps its time, which tells when it was last used."""
    before = folder.stat()
    described = {name: asdict(files[name]) for name in sorted(files)}
    descriptor, staged = tempfile.mkstemp(prefix=f".{_NAME}.", dir=folder)
    try:
        with os.fdopen(descriptor, "w") as opened:
            json.dump({"format": _FORMAT, "files": described}, opened, indent=1)
            opened.write("\n")
            opened.flush()
            os.fsync(descriptor)
        Path(staged).replace(folder / _NAME)
    finally:
        Path(staged).unlink(missing_ok=True)
    os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
