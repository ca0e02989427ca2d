"""Images from servers that misbehave: a verified one, or a message that names the cause and nothing left."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import naughty
import pytest
import zstandard
from naughty import Site, serving

from devbox.box import Origin
from devbox.configuration import FetchSettings
from devbox.errors import DevboxError
from devbox.fetch import Fetched, Fetching, Table, Trust, http
from devbox.units import Size

pytestmark = pytest.mark.integration

SETTINGS = FetchSettings(patience=1, largest=Size(16 << 20))
Fetch = Callable[..., Fetched]


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small qcow2 file with some data in it."""
    folder = tmp_path_factory.mktemp("disk")
    (folder / "raw").write_bytes(os.urandom(300_000) + bytes(1 << 20))
    convert = [
        "qemu-img",
        "convert",
        "-f",
        "raw",
        "-O",
        "qcow2",
        str(folder / "raw"),
        str(folder / "disk.qcow2"),
    ]
    subprocess.run(convert, check=True)
    return (folder / "disk.qcow2").read_bytes()


@pytest.fixture
def site(disk: bytes) -> Iterator[Site]:
    sums = f"{hashlib.sha256(disk).hexdigest()}  disk.qcow2\n"
    with serving(Site({"disk.qcow2": disk, "SHA256SUMS": sums.encode()})) as found:
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE_SECONDS", 0.01)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def fetch(site: Site, tmp_path: Path, told: list[str]) -> Fetch:
    def fetch(*paths: str, settings: FetchSettings = SETTINGS, **origin: object) -> Fetched:
        places = tuple(path if ":" in path else site.place(path) for path in paths or ("disk.qcow2",))
        origin = {"checksums": site.place("SHA256SUMS"), **origin}
        folder = tmp_path / "work"
        folder.mkdir(exist_ok=True)
        return Fetching("demo", Origin(places, **origin), folder, settings, told.append).image()  # type: ignore[arg-type]

    return fetch


def refused(fetch: Fetch, tmp_path: Path, *paths: str, **more: object) -> str:
    """What the error says in all; nothing may be left."""
    with pytest.raises(DevboxError) as raised:
        fetch(*paths, **more)
    assert list((tmp_path / "work").iterdir()) == []
    return f"{raised.value.message}\n{raised.value.details}\n{raised.value.advice}"


def test_a_good_server(fetch: Fetch, disk: bytes) -> None:
    found = fetch()
    assert found.file.read_bytes() == disk
    assert (found.form, found.trust, found.digest.algorithm) == ("qcow2", Trust.PUBLISHED, "sha256")
    assert found.virtual_size >= 300_000 + (1 << 20)


WAYS_THAT_END_WELL = {
    "cut twice, resumed": (naughty.cut(2), True),
    "cut without ranges": (naughty.cut(1, ranges=False), False),
    "changed between the pieces": (naughty.changed, False),
    "no ranges at all": (naughty.plain, False),
}


@pytest.mark.parametrize("name", WAYS_THAT_END_WELL)
def test_what_can_be_mended_is(name: str, fetch: Fetch, site: Site, disk: bytes) -> None:
    way, resumed = WAYS_THAT_END_WELL[name]
    site.ways = {"disk.qcow2": way}
    assert fetch().file.read_bytes() == disk
    assert bool(site.ranges) == resumed


def test_a_redirect_is_followed(fetch: Fetch, site: Site, disk: bytes) -> None:
    site.ways = {"moved/disk.qcow2": naughty.redirect("/disk.qcow2")}
    assert fetch("moved/disk.qcow2").file.read_bytes() == disk


WAYS_THAT_FAIL = {
    "always cut": (naughty.cut(99, ranges=False), "cut"),
    "another range than asked for": (naughty.other_range, "sent another range"),
    "stalls": (naughty.stall, "sent nothing for 1 seconds"),
    "trickles": (naughty.trickle, "next to nothing"),
    "promises more than comes": (naughty.says_more, "was cut"),
    "promises less than there is": (naughty.says_less, "is not what the checksum file names"),
    "never ends": (naughty.endless, "is larger than 16MiB"),
    "is gone": (naughty.status(404), "404"),
    "is ill": (naughty.status(503), "503"),
    "leads to a file": (naughty.redirect("file:///etc/passwd"), "not on the web"),
    "leads in a circle": (naughty.redirect("/disk.qcow2"), "more than 10 times"),
}


@pytest.mark.parametrize("name", WAYS_THAT_FAIL)
def test_what_can_not_be_mended_is_named(name: str, fetch: Fetch, site: Site, tmp_path: Path) -> None:
    way, says = WAYS_THAT_FAIL[name]
    site.ways = {"disk.qcow2": way}
    assert says in refused(fetch, tmp_path)


def test_encryption_is_never_lost_on_the_way() -> None:
    with pytest.raises(DevboxError, match="not encrypted"):
        http._next("https://example.org/a", "http://example.org/a")


def test_nobody_is_there(fetch: Fetch, tmp_path: Path) -> None:
    assert "connection failed" in refused(fetch, tmp_path, "http://127.0.0.1:9/disk.qcow2")


def test_wrong_bytes_are_named_with_both_digests(
    fetch: Fetch, site: Site, tmp_path: Path, disk: bytes
) -> None:
    site.files["disk.qcow2"] = disk[:-1] + b"!"
    said = refused(fetch, tmp_path)
    assert f"expected sha256:{hashlib.sha256(disk).hexdigest()}" in said
    assert f"found    sha256:{hashlib.sha256(disk[:-1] + b'!').hexdigest()}" in said


def test_the_next_location_is_tried_and_the_failure_told(
    fetch: Fetch, site: Site, disk: bytes, told: list[str]
) -> None:
    site.files["bad/disk.qcow2"] = b"something else"
    assert fetch("gone/disk.qcow2", "bad/disk.qcow2", "disk.qcow2").file.read_bytes() == disk
    assert "404" in "\n".join(told)
    assert "is not what the checksum file names" in "\n".join(told)


def test_a_mirror_comes_first(fetch: Fetch, site: Site, disk: bytes) -> None:
    mirrors = {"http://nowhere.invalid/": (f"{site.url}/",)}
    found = fetch("http://nowhere.invalid/disk.qcow2", settings=replace(SETTINGS, mirrors=mirrors))
    assert found.location == site.place("disk.qcow2")


def test_schemes(fetch: Fetch, tmp_path: Path) -> None:
    assert "Nothing is installed that fetches 'gopher:'" in refused(fetch, tmp_path, "gopher://x/disk.qcow2")
    only = replace(SETTINGS, allowed_schemes=("https",))
    assert "'http' is not allowed here" in refused(fetch, tmp_path, settings=only)


def test_checksum_files_that_say_nothing(fetch: Fetch, site: Site, tmp_path: Path) -> None:
    site.files["SHA256SUMS"] = b"# nothing\n" + b"0" * 64 + b"  other.qcow2\n"
    assert "says nothing about 'disk.qcow2'" in refused(fetch, tmp_path)


def test_a_web_page_instead(fetch: Fetch, site: Site, tmp_path: Path) -> None:
    page = b"\n<!DOCTYPE html><title>Log in</title>"
    site.files["disk.qcow2"] = page
    said = refused(fetch, tmp_path, checksums="", insecure=True)
    assert "is no disk but a web page: '<!DOCTYPE html>" in said
    site.files["disk.qcow2"] = b"junk"
    assert "neither a qcow2 file nor a disk" in refused(fetch, tmp_path, checksums="", insecure=True)


@pytest.mark.parametrize("option", ["backing_file=/etc/hostname,backing_fmt=raw", "data_file=outside.raw"])
def test_a_disk_that_reads_other_files(option: str, fetch: Fetch, site: Site, tmp_path: Path) -> None:
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-o", option, "bad.qcow2", "1M"]
    subprocess.run(create, cwd=tmp_path, check=True)
    site.files["disk.qcow2"] = (tmp_path / "bad.qcow2").read_bytes()
    assert "could read files of this host" in refused(fetch, tmp_path, checksums="", insecure=True)


def test_a_damaged_disk(fetch: Fetch, site: Site, tmp_path: Path, disk: bytes) -> None:
    site.files["disk.qcow2"] = disk[:2000]
    assert "damaged qcow2" in refused(fetch, tmp_path, checksums="", insecure=True)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "gz": gzip.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("ending", PACKED)
def test_compressed(ending: str, fetch: Fetch, site: Site, disk: bytes, tmp_path: Path) -> None:
    name = f"disk.qcow2.{ending}"
    packed = site.files[name] = PACKED[ending](disk)
    digest = f"sha512:{hashlib.sha512(packed).hexdigest()}"
    found = fetch(name, checksums="", digest=digest)
    assert (found.file.read_bytes(), found.trust, str(found.digest)) == (disk, Trust.PINNED, digest)
    found.file.unlink()
    site.files[name] = PACKED[ending](bytes(20 << 20))
    assert "unpacks to more than 16MiB" in refused(fetch, tmp_path, name, checksums="", insecure=True)
    site.files[name] = packed[: len(packed) // 2]
    said = refused(fetch, tmp_path, name, checksums="", insecure=True)
    assert "damaged" in said


def test_compressed_in_several_pieces(fetch: Fetch, site: Site, disk: bytes) -> None:
    half = len(disk) // 2
    for name, pack in PACKED.items():
        site.files[f"disk.{name}"] = pack(disk[:half]) + pack(disk[half:])
        found = fetch(f"disk.{name}", checksums="", insecure=True)
        assert found.file.read_bytes() == disk
        found.file.unlink()


def test_nobody_vouches(fetch: Fetch, told: list[str], disk: bytes) -> None:
    found = fetch(checksums="", insecure=True)
    assert found.trust is Trust.NONE
    assert f"nobody vouches for sha256:{hashlib.sha256(disk).hexdigest()}" in "\n".join(told)


def test_what_a_team_got_first(fetch: Fetch, site: Site, tmp_path: Path, disk: bytes) -> None:
    first = f"sha256:{hashlib.sha256(disk).hexdigest()}"
    assert fetch(checksums="", insecure=True, locked=first).trust is Trust.LOCKED
    (tmp_path / "work" / "disk.fetched").unlink()
    with pytest.raises(DevboxError, match="no longer what devbox") as raised:
        fetch(locked=f"sha256:{'0' * 64}")
    assert "devbox build demo --force" in raised.value.advice
    site.files["disk.qcow2"] = disk[:-1]
    said = refused(fetch, tmp_path, checksums="", insecure=True, locked=first)
    assert "is not what devbox.lock names" in said


def test_a_full_disk(fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "disk_room", lambda _: Size(1000))
    assert "MiB are free" in refused(fetch, tmp_path)


def test_a_file_here(fetch: Fetch, tmp_path: Path, disk: bytes) -> None:
    (tmp_path / "disk.qcow2").write_bytes(disk)
    found = fetch(f"file://{tmp_path}/disk.qcow2")
    assert found.file.read_bytes() == disk
    found.file.unlink()
    assert "is no file" in refused(fetch, tmp_path, "file:///nonexistent/disk.qcow2")
    assert "names the host" in refused(fetch, tmp_path, "file://elsewhere/disk.qcow2")


def test_a_fetcher_that_breaks(tmp_path: Path) -> None:
    class Breaks:
        def schemes(self) -> tuple[str, ...]:
            return ("odd",)

        def download(self, *_: object) -> None:
            raise ZeroDivisionError("by nought")

    known = Table(MappingProxyType({"odd": Breaks()}))
    (tmp_path / "work").mkdir()
    origin = Origin(("odd://x/y",), insecure=True)
    with pytest.raises(DevboxError) as raised:
        Fetching("demo", origin, tmp_path / "work", SETTINGS, lambda _: None, known).image()
    assert "ZeroDivisionError('by nought')" in raised.value.details
