"""Files and folders to and from a machine over SFTP, each file whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from devbox.errors import DevboxError
from devbox.guest.ssh import Session, lost

if TYPE_CHECKING:
    import paramiko

_CHUNK = 1 << 18

Progress = Callable[[str, int, int], None]  # a file that is being copied, its bytes done, its bytes in all


def copy_to(session: Session, source: Path, target: str, progress: Progress | None = None) -> None:
    """Copy as `cp -r` does: into ``target`` if that is a folder, else as ``target``.

    Modes are kept, links stay links. A relative ``target`` starts in the user's home.
    """
    if not source.exists():
        raise DevboxError(f"'{source}' does not exist on this host.")
    with _sftp(session, f"copy {source} to {target}") as sftp:
        place = _into(target or ".", source.resolve().name, folder=_is_remote_folder(sftp, target or "."))
        _send(sftp, source.resolve(), place, progress)


def copy_from(session: Session, source: str, target: Path, progress: Progress | None = None) -> None:
    """The other way round; what a machine says about its files is not trusted to stay in ``target``."""
    with _sftp(session, f"copy {source} to {target}") as sftp:
        try:
            real = sftp.normalize(source)
            attributes = sftp.stat(real)
        except OSError as error:
            raise DevboxError(f"'{source}' does not exist on '{session.endpoint.alias}'.") from error
        place = target / _safe(PurePosixPath(real).name) if target.is_dir() else target
        _fetch(sftp, real, attributes.st_mode or 0, place, progress)


def _send(sftp: paramiko.SFTPClient, source: Path, target: str, progress: Progress | None) -> None:
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        _send_link(sftp, str(source.readlink()), target)
    elif stat.S_ISDIR(mode):
        if not _is_remote_folder(sftp, target):
            sftp.mkdir(target, 0o700)
        for entry in sorted(source.iterdir()):
            _send(sftp, entry, f"{target}/{entry.name}", progress)
        sftp.chmod(target, stat.S_IMODE(mode))  # last, since a read-only folder takes no files
    elif stat.S_ISREG(mode):
        _send_file(sftp, source, target, progress)
    else:
        raise DevboxError(f"'{source}' is neither a file nor a folder nor a link, so it can't be copied.")


def _send_file(sftp: paramiko.SFTPClient, source: Path, target: str, progress: Progress | None) -> None:
    temporary = _beside(PurePosixPath(target))
    try:
        with source.open("rb") as reading, sftp.open(str(temporary), "wx") as writing:
            status = os.fstat(reading.fileno())
            writing.chmod(0o600)
            writing.set_pipelined(True)
            _pour(reading, writing, str(source), status.st_size, progress)
        sftp.chmod(str(temporary), stat.S_IMODE(status.st_mode))
        sftp.posix_rename(str(temporary), target)
    except BaseException:
        _remove(sftp, str(temporary))
        raise


def _send_link(sftp: paramiko.SFTPClient, points_to: str, target: str) -> None:
    temporary = str(_beside(PurePosixPath(target)))
    sftp.symlink(points_to, temporary)
    sftp.posix_rename(temporary, target)


def _fetch(
    sftp: paramiko.SFTPClient, source: str, mode: int, target: Path, progress: Progress | None
) -> None:
    if stat.S_ISLNK(mode):
        temporary = Path(_beside(target))
        temporary.symlink_to(sftp.readlink(source) or "")
        temporary.replace(target)
    elif stat.S_ISDIR(mode):
        if target.is_symlink():
            raise DevboxError(f"'{target}' is a link, so no folder is copied through it.")
        target.mkdir(mode=0o700, exist_ok=True)
        for entry in sorted(sftp.listdir_attr(source), key=lambda entry: entry.filename):
            name = _safe(entry.filename)
            _fetch(sftp, f"{source}/{name}", entry.st_mode or 0, target / name, progress)
        target.chmod(mode & 0o777)
    elif stat.S_ISREG(mode):
        _fetch_file(sftp, source, mode, target, progress)
    else:
        raise DevboxError(f"'{source}' is neither a file nor a folder nor a link, so it can't be copied.")


def _fetch_file(
    sftp: paramiko.SFTPClient, source: str, mode: int, target: Path, progress: Progress | None
) -> None:
    temporary = Path(_beside(target))
    try:
        with sftp.open(source, "r") as reading, temporary.open("xb") as writing:
            os.fchmod(writing.fileno(), mode & 0o777)  # no set-id bits from a machine
            size = reading.stat().st_size or 0
            reading.prefetch(size)
            _pour(reading, writing, source, size, progress)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _pour(
    reading: IO[bytes] | paramiko.SFTPFile,
    writing: IO[bytes] | paramiko.SFTPFile,
    name: str,
    size: int,
    progress: Progress | None,
) -> None:
    done = 0
    while data := reading.read(_CHUNK):
        writing.write(data)
        done += len(data)
        if progress:
            progress(name, done, max(size, done))


def _into(target: str, name: str, *, folder: bool) -> str:
    return f"{target.rstrip('/')}/{name}" if folder else target.rstrip("/")


def _beside(path: PurePosixPath | Path) -> PurePosixPath | Path:
    """A name in the same folder that nobody else uses; a rename from there is atomic."""
    return path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}")


def _safe(name: str) -> str:
    if not name or name in (".", "..") or "/" in name or "\0" in name:
        raise DevboxError(
            f"The machine lists a file with the impossible name '{name}'; nothing more was copied."
        )
    return name


def _is_remote_folder(sftp: paramiko.SFTPClient, path: str) -> bool:
    try:
        return stat.S_ISDIR(sftp.stat(path).st_mode or 0)
    except FileNotFoundError:
        return False


def _remove(sftp: paramiko.SFTPClient, path: str) -> None:
    import paramiko

    with suppress(OSError, EOFError, paramiko.SSHException):  # the first error is what counts
        sftp.remove(path)


@contextmanager
def _sftp(session: Session, doing: str) -> Iterator[paramiko.SFTPClient]:
    """A copy's own channel; its failures as sentences."""
    import paramiko

    try:
        channel = session.transport.open_session()
        channel.invoke_subsystem("sftp")
        with paramiko.SFTPClient(channel) as client:
            yield client
    except (paramiko.SSHException, EOFError) as error:
        raise lost(session.endpoint, str(error), doing) from error
    except OSError as error:
        raise DevboxError(f"Could not {doing} on '{session.endpoint.alias}'.", details=str(error)) from error
