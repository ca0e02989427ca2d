"""The recovery file: an age-encrypted pax archive whose last member is a manifest of all the others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tarfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from devbox import __version__
from devbox.errors import DevboxError, Refused
from devbox.scrub.keys import Identity, Recipient
from devbox.scrub.members import KIND, Member

MANIFEST = ".devbox-recovery.json"
_FORMAT = 1


def write(file: Path, to: list[Recipient], source: str, members: Iterable[Member]) -> dict[str, str]:
    """Stream members into a new file and return each one's digest by name.

    Nothing of it is ever on a disk in plain text, and the file has its name only when all of it, flushed,
    is there. Raises Refused where the file exists: it may hold the only copy from an earlier run.
    """
    if file.exists():
        raise Refused(
            f"The recovery file '{file}' exists already, maybe with an earlier run's only copy.",
            advice="Choose another name. To put everything back, recover from the newest first.",
        )
    partial = file.with_name(f".{file.name}.partial")
    try:
        with partial.open("wb") as writing:
            os.fchmod(writing.fileno(), 0o600)
            digests = _encrypted(writing, to, source, members)
            writing.flush()
            os.fsync(writing.fileno())
        os.link(partial, file)  # unlike a rename, it never replaces what came there meanwhile
        _flush_folder(file.parent)
    except OSError as error:
        raise DevboxError(
            f"The recovery file '{file}' could not be written: {error.strerror}; nothing was removed.",
            advice="Make room, or choose a file on another disk.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return digests


def _encrypted(
    writing: IO[bytes], to: list[Recipient], source: str, members: Iterable[Member]
) -> dict[str, str]:
    """Pushing meets pulling: age pulls while tar pushes, so a pipe and a thread are between them."""
    import pyrage

    reader, writer = os.pipe()
    failures: list[BaseException] = []

    def encrypt() -> None:
        with os.fdopen(reader, "rb", buffering=1 << 16) as plain:
            try:
                pyrage.encrypt_io(plain, writing, to)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                failures.append(error)

    thread = threading.Thread(target=encrypt, daemon=True)
    thread.start()
    digests: dict[str, str] = {}
    try:
        with os.fdopen(writer, "wb", buffering=1 << 16) as plain:
            digests = _archived(plain, source, members)
    except BrokenPipeError:
        if not failures:
            thread.join()
        if not failures:
            raise
    finally:
        thread.join()
    if failures:
        raise _as_os_error(failures[0]) from failures[0]
    return digests


def _as_os_error(error: BaseException) -> BaseException:
    """A full disk reaches us through pyrage as one of its own errors."""
    return error if isinstance(error, OSError) else OSError(0, str(error))


def _archived(plain: IO[bytes], source: str, members: Iterable[Member]) -> dict[str, str]:
    digests: dict[str, str] = {}
    with tarfile.open(
        fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for info, contents in members:
            watched = _Watched(contents, info.size) if contents else None
            archive.addfile(info, watched)
            digests[info.name] = watched.digest.hexdigest() if watched else ""
        manifest = {
            "format": _FORMAT,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "by": f"devbox {__version__}",
            "source": source,
            "digests": digests,
        }
        data = json.dumps(manifest, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(data), 0o600
        archive.addfile(info, _Watched.of(data))
    return digests


class _Watched:
    """A file as it is read: its digest, and a shorter one is filled up, since its size was announced."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    @classmethod
    def of(cls, data: bytes) -> _Watched:
        import io

        return cls(io.BytesIO(data), len(data))

    def read(self, length: int = -1) -> bytes:
        wanted = self._left if length < 0 else min(length, self._left)
        data = self._file.read(wanted)
        if len(data) < wanted:  # truncated meanwhile; its stamp differs now, so it will not be removed
            data += bytes(wanted - len(data))
        self._left -= len(data)
        self.digest.update(data)
        return data


def _flush_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextlib.contextmanager
def reading(file: Path, by: list[Identity]) -> Iterator[tarfile.TarFile]:
    """The archive in a recovery file, to be read once from its beginning.

    Raises DevboxError where none of the identities opens it, or where it was damaged or cut off.
    """
    import pyrage

    reader, writer = os.pipe()
    failures: list[BaseException] = []
    try:
        encrypted = file.open("rb")
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise Refused(f"The recovery file '{file}' can't be read: {error.strerror}.") from error

    def decrypt() -> None:
        with encrypted, os.fdopen(writer, "wb", buffering=1 << 16) as plain:
            try:
                pyrage.decrypt_io(encrypted, plain, by)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that reads
                failures.append(error)

    thread = threading.Thread(target=decrypt, daemon=True)
    thread.start()
    try:
        with (
            os.fdopen(reader, "rb", buffering=1 << 16) as plain,
            tarfile.open(fileobj=plain, mode="r|", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            yield archive
            while plain.read(1 << 20):  # to the end, where age proves that nothing was cut off
                pass
    except (tarfile.TarError, EOFError) as error:
        thread.join()
        raise _not_opened(file, failures[0] if failures else error) from error
    thread.join()
    if failures and not isinstance(failures[0], BrokenPipeError):
        raise _not_opened(file, failures[0])


def _not_opened(file: Path, error: BaseException) -> DevboxError:
    return DevboxError(
        f"The recovery file '{file}' is not for this identity, or it is damaged; nothing was changed.",
        details=str(error),
        advice="Name the private key of one of its recipients.",
    )


def checked(file: Path, by: list[Identity]) -> dict[str, Any]:
    """Read all of it against its manifest, and return that; raises DevboxError on any difference."""
    found: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    with reading(file, by) as archive:
        for info in archive:
            plain = info.isreg() and KIND not in info.pax_headers
            contents = archive.extractfile(info) if plain else None
            if info.name == MANIFEST and contents:
                manifest = json.loads(contents.read())
                continue
            digest = ""
            if contents:
                digest = hashlib.file_digest(contents, "sha256").hexdigest()  # type: ignore[arg-type]
            found[info.name] = digest
    if manifest is None or manifest.get("digests") != found or manifest.get("format") != _FORMAT:
        raise DevboxError(
            f"The recovery file '{file}' does not hold what its manifest says; nothing was changed.",
            advice="It was not written by this version of devbox, or it was made by somebody else.",
        )
    return manifest
