"""Files of a root as members of a pax archive, with everything that an inode has."""

from __future__ import annotations

import contextlib
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

from devbox.scrub.rooted import Root

XATTR = "SCHILY.xattr."
KIND = "DEVBOX.kind"  # "socket": archives have no type for it, so to others it is an empty file
LINKED = "DEVBOX.linked"  # another name of the same file that is not in the archive
Member = tuple[tarfile.TarInfo, IO[bytes] | None]


def name_of(path: bytes) -> str:
    """A path as archives have it: from the root without the slash, each byte kept."""
    return path.lstrip(b"/").decode("utf-8", "surrogateescape")


def path_of(name: str) -> bytes:
    return b"/" + name.encode("utf-8", "surrogateescape").strip(b"/")


def members(
    root: Root, paths: Iterable[bytes], linked: Mapping[tuple[int, int], bytes] | None = None
) -> Iterator[Member]:
    """Each path as a member; a file's second name is a link to its first.

    ``linked`` has, by device and inode, names of files that stay.
    """
    first: dict[tuple[int, int], bytes] = {}
    for path in paths:
        with root.parent(path) as (at, name):
            status = os.stat(name, dir_fd=at, follow_symlinks=False)
            info = _described(path, status)
            more = {XATTR + key: value for key, value in attributes(at, name).items()}
            inode = (status.st_dev, status.st_ino)
            regular = stat.S_ISREG(status.st_mode)
            if regular and linked and inode in linked:
                more[LINKED] = name_of(linked[inode])
            info.pax_headers = {**info.pax_headers, **more}
            if regular and inode in first:
                info.type, info.linkname, info.size = tarfile.LNKTYPE, name_of(first[inode]), 0
                yield info, None
            elif regular:
                first[inode] = path
                with root.opened(path) as file, os.fdopen(os.dup(file), "rb") as reading:
                    yield info, reading
            else:
                if stat.S_ISLNK(status.st_mode):
                    info.linkname = os.readlink(name, dir_fd=at).decode("utf-8", "surrogateescape")
                yield info, None


def _described(path: bytes, status: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name_of(path))
    mode = status.st_mode
    info.mode, info.uid, info.gid = stat.S_IMODE(mode), status.st_uid, status.st_gid
    info.type = _TYPES.get(stat.S_IFMT(mode), tarfile.REGTYPE)
    info.size = status.st_size if stat.S_ISREG(mode) else 0
    info.mtime = status.st_mtime_ns // 10**9
    more = {KIND: "socket"} if stat.S_ISSOCK(mode) else {}
    info.pax_headers = {"mtime": _time(status.st_mtime_ns), "atime": _time(status.st_atime_ns), **more}
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    return info


_TYPES = {
    stat.S_IFDIR: tarfile.DIRTYPE,
    stat.S_IFLNK: tarfile.SYMTYPE,
    stat.S_IFIFO: tarfile.FIFOTYPE,
    stat.S_IFCHR: tarfile.CHRTYPE,
    stat.S_IFBLK: tarfile.BLKTYPE,
}


def _time(nanoseconds: int) -> str:
    """Seconds with nine decimals, exactly; pax allows it and floats could not hold it."""
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return f"{sign}{value // 10**9}.{value % 10**9:09d}"


def nanoseconds_of(info: tarfile.TarInfo, key: str) -> int:
    whole, _, rest = info.pax_headers.get(key, str(int(info.mtime))).partition(".")
    sign = -1 if whole.startswith("-") else 1
    return int(whole) * 10**9 + sign * int(rest[:9].ljust(9, "0") or "0")


def attributes(at: int, name: bytes) -> dict[str, str]:
    """Extended attributes: capabilities, access lists, labels; none where the file system has none."""
    place = b"/proc/self/fd/%d/%s" % (at, name)  # there is no call that takes a folder's descriptor
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for key in os.listxattr(place, follow_symlinks=False):
            with contextlib.suppress(OSError):  # gone, or not for us to see
                value = os.getxattr(place, key, follow_symlinks=False)
                found[key] = value.decode("utf-8", "surrogateescape")
    return found
