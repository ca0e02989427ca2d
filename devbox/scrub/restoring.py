"""Putting a recovery file's members back where they were, never over a link and never above the root."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from devbox.errors import DevboxError
from devbox.scrub.inventory import above
from devbox.scrub.keys import Identity
from devbox.scrub.members import KIND, LINKED, XATTR, attributes, nanoseconds_of, path_of
from devbox.scrub.recovery import MANIFEST, checked, reading
from devbox.scrub.rooted import Root

_CHUNK = 1 << 20
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK


def restore(file: Path, by: list[Identity], root: Root) -> list[bytes]:
    """Put everything back and return the paths; the file is read to its end before the first is written.

    Raises DevboxError naming the path where a folder on the way is none any more.
    """
    checked(file, by)
    done: list[bytes] = []
    folders: list[tuple[bytes, tarfile.TarInfo]] = []
    with reading(file, by) as archive:
        for info in archive:
            if info.name == MANIFEST:
                continue
            path = path_of(info.name)
            try:
                if info.isdir():
                    _make_folders(root, path)
                    folders.append((path, info))
                else:
                    _make_folders(root, path.rpartition(b"/")[0])
                    _put(root, path, info, archive.extractfile(info) if info.isreg() else None)
            except OSError as error:
                raise _not_put(path, error, done) from error
            done.append(path)
    for path, info in reversed(folders):  # last, since what is put into a folder changes its time
        with root.parent(path) as (at, name):
            _describe(at, name, info)
    return done


def _not_put(path: bytes, error: OSError, done: list[bytes]) -> DevboxError:
    link = error.errno in {errno.ELOOP, errno.ENOTDIR}
    why = "a folder on its way is a link or no folder any more" if link else (error.strerror or str(error))
    return DevboxError(
        f"'{os.fsdecode(path)!r}' could not be put back: {why}.",
        details=f"{len(done)} paths were put back before it.",
        advice="Mend that and run the same command again.",
    )


def _make_folders(root: Root, path: bytes) -> None:
    """Folders that are missing, for root alone until their own mode is set."""
    if path in {b"", b"/"}:
        return
    for folder in [*reversed(above(path)), path]:
        with root.parent(folder) as (at, name):
            try:
                os.mkdir(name, 0o700, dir_fd=at)
            except FileExistsError:
                if not stat.S_ISDIR(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode):
                    raise OSError(errno.ENOTDIR, "It is no folder", os.fsdecode(folder)) from None


def _put(root: Root, path: bytes, info: tarfile.TarInfo, contents: IO[bytes] | None) -> None:
    with root.parent(path) as (at, name):
        if info.islnk():
            _link(root, path_of(info.linkname), at, name)
            return
        plain = info.isreg() and KIND not in info.pax_headers
        _clear(at, name, keep_file=plain)
        if plain:
            assert contents is not None
            _write(at, name, contents)
            if LINKED in info.pax_headers:
                _join(root, path_of(info.pax_headers[LINKED]), at, name)
        else:
            _make_special(at, name, info)
        _describe(at, name, info)


def _clear(at: int, name: bytes, *, keep_file: bool) -> None:
    """A file that was only emptied is written again, so that its other names show the same."""
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
        if keep_file and stat.S_ISREG(mode):
            return
        if stat.S_ISDIR(mode):
            os.rmdir(name, dir_fd=at)
        else:
            os.unlink(name, dir_fd=at)


def _write(at: int, name: bytes, contents: IO[bytes]) -> None:
    file = os.open(name, _WRITE, 0o600, dir_fd=at)
    with os.fdopen(file, "wb") as writing:
        os.fchmod(writing.fileno(), 0o600)
        writing.truncate(0)
        while data := contents.read(_CHUNK):
            writing.write(data)


def _make_special(at: int, name: bytes, info: tarfile.TarInfo) -> None:
    if info.issym():
        os.symlink(info.linkname.encode("utf-8", "surrogateescape"), name, dir_fd=at)
    elif info.isfifo():
        os.mkfifo(name, 0o600, dir_fd=at)
    elif KIND in info.pax_headers:
        os.mknod(name, 0o600 | stat.S_IFSOCK, dir_fd=at)
    elif info.ischr() or info.isblk():
        kind = stat.S_IFCHR if info.ischr() else stat.S_IFBLK
        os.mknod(name, 0o600 | kind, os.makedev(info.devmajor, info.devminor), dir_fd=at)


def _link(root: Root, existing: bytes, at: int, name: bytes) -> None:
    with root.parent(existing) as (there, its_name):
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(
                os.stat(its_name, dir_fd=there, follow_symlinks=False),
                os.stat(name, dir_fd=at, follow_symlinks=False),
            ):
                return
        _clear(at, name, keep_file=False)
        os.link(its_name, name, src_dir_fd=there, dst_dir_fd=at, follow_symlinks=False)


def _join(root: Root, other: bytes, at: int, name: bytes) -> None:
    """Two names were one file, and are again, if the one that stayed still has the same contents."""
    with contextlib.suppress(OSError), root.opened(other) as there:
        mine = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=at)
        try:
            same = _same(there, mine)
        finally:
            os.close(mine)
        if same:
            _link(root, other, at, name)


def _same(one: int, other: int) -> bool:
    if os.path.samestat(os.fstat(one), os.fstat(other)) or os.fstat(one).st_size != os.fstat(other).st_size:
        return False
    while True:
        first, second = os.read(one, _CHUNK), os.read(other, _CHUNK)
        if first != second:
            return False
        if not first:
            return True


def _describe(at: int, name: bytes, info: tarfile.TarInfo) -> None:
    """Owner, then mode and attributes, which a change of owner would take away, then times."""
    link = info.issym()
    if os.geteuid() == 0:  # nobody else may give files away
        os.chown(name, info.uid, info.gid, dir_fd=at, follow_symlinks=False)
    if not link:
        with _held(at, name) as path:
            os.chmod(path, info.mode)  # noqa: PTH101 - a path in bytes
    wanted = {key.removeprefix(XATTR): value for key, value in info.pax_headers.items() if XATTR in key}
    place = b"/proc/self/fd/%d/%s" % (at, name)
    for key in attributes(at, name).keys() - wanted.keys():
        os.removexattr(place, key, follow_symlinks=False)
    for key, value in wanted.items():
        os.setxattr(place, key, value.encode("utf-8", "surrogateescape"), follow_symlinks=False)
    times = nanoseconds_of(info, "atime"), nanoseconds_of(info, "mtime")
    os.utime(name, ns=times, dir_fd=at, follow_symlinks=False)


@contextlib.contextmanager
def _held(at: int, name: bytes) -> Iterator[bytes]:
    """A path that stays this very file, whatever takes its name meanwhile."""
    file = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=at)
    try:
        yield b"/proc/self/fd/%d" % file
    finally:
        os.close(file)


def put_plain(root: Root, info: tarfile.TarInfo, contents: bytes) -> bytes:
    """Put one member of any archive back, for formats without a manifest; returns its path."""
    path = path_of(info.name)
    try:
        if info.isdir():
            _make_folders(root, path)
        else:
            _make_folders(root, path.rpartition(b"/")[0])
            _put(root, path, info, io.BytesIO(contents) if info.isreg() else None)
        if path != b"/":
            with root.parent(path) as (at, name):
                _describe(at, name, info)
    except OSError as error:
        raise _not_put(path, error, []) from error
    return path
