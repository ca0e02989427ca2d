"""A published image, verified: several places in turn, and each failure told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from devbox.box import Origin
from devbox.configuration import FetchSettings
from devbox.errors import DevboxError
from devbox.fetch import checksums, compressed, safety, signatures
from devbox.fetch.checksums import Digest
from devbox.fetch.table import Table, table
from devbox.fetch.transfer import FetchFailed, Metadata, shown
from devbox.units import Size

_SMALL = Size(4 << 20)  # checksum files, signatures, keys
_MIB = 1 << 20


class Trust(StrEnum):
    """How it is known that an image is the right one, the strongest first."""

    SIGNED = "signed"
    PINNED = "digest in the box"
    PUBLISHED = "published digest"
    LOCKED = "as it was first"
    NONE = "insecure"


@dataclass(frozen=True)
class Expected:
    """The checksum file's text, and who signed it."""

    text: str = ""
    signed_by: str = ""


@dataclass(frozen=True)
class Fetched:
    """``digest`` is that of what was published; ``file`` has it unpacked, as ``form`` qcow2 or raw."""

    file: Path
    form: str
    virtual_size: Size
    location: str
    digest: Digest
    trust: Trust
    signed_by: str = ""


@dataclass(frozen=True)
class Fetching:
    """The ways to the files of one image; ``told`` hears what happens, ``folder`` holds them meanwhile."""

    name: str
    origin: Origin
    folder: Path
    settings: FetchSettings
    told: Callable[[str], None]
    known: Table = field(default_factory=table)

    def image(self) -> Fetched:
        """Raises DevboxError with every location's failure; nothing is left in the folder then."""
        for report in self.known.reports:
            self.told(report)
        expected = self.expected()
        failures = []
        for location in self.origin.locations:
            wanted = self._wanted(expected, location)
            for url in mirrored(location, self.settings):
                try:
                    return self._from(url, wanted, expected)
                except DevboxError as error:
                    failures.append(error)
                    self.told(error.message)
                finally:
                    self._clean()
        raise DevboxError(
            f"The image of '{self.name}' could not be fetched.",
            details="\n".join(
                filter(None, (text for one in failures for text in (one.message, one.details)))
            ),
            advice=next((one.advice for one in failures if one.advice), ""),
        )

    def published(self) -> Digest | None:
        """What is published now for the first location; None where no digest is."""
        return self._published(self.expected(), self.origin.locations[0])

    def expected(self) -> Expected:
        """The checksum file, whose signature was checked where the box pins keys."""
        origin = self.origin
        if not origin.checksums:
            return Expected()
        data = self._small(origin.checksums)
        signed_by = ""
        if origin.fingerprints:
            signature = self._small(origin.signature) if origin.signature else b""
            keys = self._small(origin.keys)
            name = shown(origin.checksums)
            data, signed_by = signatures.verify(name, data, signature, keys, origin.fingerprints)
        return Expected(data.decode(errors="replace"), signed_by)

    def _published(self, expected: Expected, location: str) -> Digest | None:
        if not expected.text:
            return None
        return checksums.find(expected.text, _file_name(location), shown(self.origin.checksums))

    def _wanted(self, expected: Expected, location: str) -> dict[str, Digest]:
        """The digests that it must have, by who names them."""
        origin, found = self.origin, {}
        if published := self._published(expected, location):
            found["the checksum file"] = published
        if origin.digest:
            found["the box"] = Digest.parse(origin.digest)
        if origin.locked:
            found["devbox.lock"] = locked = Digest.parse(origin.locked)
            if published and published.algorithm == locked.algorithm and published != locked:
                raise DevboxError(
                    f"What is published for '{self.name}' is no longer what devbox.lock names.",
                    details=f"devbox.lock {locked}\npublished   {published}",
                    advice=f"To move on: 'devbox build {self.name} --force', then commit devbox.lock.",
                )
        return found

    def _from(self, url: str, wanted: dict[str, Digest], expected: Expected) -> Fetched:
        came = self.folder / "download.part"
        self._download(url, came, self.settings)
        for said_by, digest in wanted.items():
            checksums.compare(came, digest, shown(url), said_by)
        strongest = max(
            (one.algorithm for one in wanted.values()), key=list(checksums.LENGTHS).index, default=""
        )
        digest = wanted.get("the checksum file") or checksums.of_file(came, strongest or "sha256")
        disk, name = self.folder / "disk.part", _file_name(url)
        if compressed.kind(came):
            self.told(f"unpacking {name}")
            compressed.unpack(came, disk, self.settings.largest)
            came.unlink()
        else:
            came.rename(disk)
        form = safety.examine(disk, name)
        size = safety.look_inside(disk, name) if form == "qcow2" else disk.stat().st_size
        if size > self.settings.largest:
            raise FetchFailed(f"'{name}' is a disk of {Size(size)}, more than {self.settings.largest}.")
        trust = _trust(self.origin, expected)
        if trust in (Trust.NONE, Trust.LOCKED):
            self.told(f"the box says 'insecure: true': nobody vouches for {digest}")
        return Fetched(
            disk.rename(self.folder / "disk.fetched"),
            form,
            Size(size),
            url,
            digest,
            trust,
            expected.signed_by,
        )

    def _small(self, url: str) -> bytes:
        """A small file, from where it is or a mirror; what it says is checked by others."""
        settings = FetchSettings(
            self.settings.allowed_schemes,
            self.settings.mirrors,
            self.settings.mounts,
            min(_SMALL, self.settings.largest),
            self.settings.patience,
        )
        failures = []
        came = self.folder / "small.part"
        for place in mirrored(url, settings):
            try:
                self._download(place, came, settings)
                return came.read_bytes()
            except DevboxError as error:
                failures.append(error)
            finally:
                came.unlink(missing_ok=True)
        raise failures[-1]

    def _download(self, url: str, destination: Path, settings: FetchSettings) -> None:
        fetcher = self.known.find(urlsplit(url).scheme.lower(), settings)
        teller = _Teller(self.told, f"fetching {_file_name(url)}")
        try:
            fetcher.download(url, destination, Metadata(settings), teller)
        except DevboxError:
            raise
        except Exception as error:
            raise FetchFailed(f"'{shown(url)}' could not be fetched.", details=repr(error)) from error
        if not destination.is_file():
            raise FetchFailed(f"'{shown(url)}' could not be fetched: the fetcher wrote no file.")

    def _clean(self) -> None:
        for part in self.folder.glob("*.part"):
            part.unlink(missing_ok=True)


@dataclass
class _Teller:
    """Says once a second how far it is."""

    told: Callable[[str], None]
    what: str
    last: float = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        if time.monotonic() - self.last < 1:
            return
        self.last = time.monotonic()
        of = f" of {total // _MIB}" if total else ""
        self.told(f"{self.what}: {done // _MIB}{of} MiB")


def mirrored(url: str, settings: FetchSettings) -> Iterator[str]:
    """The places of a file: those of the mirrors first, then its own."""
    for start, mirrors in settings.mirrors.items():
        if url.startswith(start):
            yield from (mirror + url.removeprefix(start) for mirror in mirrors)
    yield url


def _trust(origin: Origin, expected: Expected) -> Trust:
    if expected.signed_by:
        return Trust.SIGNED
    if origin.digest:
        return Trust.PINNED
    if expected.text:
        return Trust.PUBLISHED
    return Trust.LOCKED if origin.locked else Trust.NONE


def _file_name(url: str) -> str:
    return PurePosixPath(unquote(urlsplit(url).path)).name or url
