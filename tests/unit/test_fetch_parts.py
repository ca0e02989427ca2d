"""The decisions around a download: checksum grammars, the mount map, signatures, who serves what."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import requests  # noqa: F401 - tries IPv6 when it is loaded, which the guard would not let it
from hypothesis import given
from hypothesis import strategies as st

from devbox.configuration import FetchSettings, Mount
from devbox.errors import DevboxError, Refused
from devbox.fetch import Table, table
from devbox.fetch.checksums import Digest, entries, find
from devbox.fetch.direct import How, copy
from devbox.fetch.glance import locations
from devbox.fetch.mounts import local_path
from devbox.fetch.obtain import mirrored
from devbox.fetch.signatures import verdict
from devbox.fetch.table import build
from devbox.fetch.transfer import shown

A, B = "a" * 64, "b" * 128


@pytest.mark.parametrize(
    "text, digest",
    [
        (f"{A}  disk.qcow2\n", f"sha256:{A}"),
        (f"{A} *disk.qcow2\n", f"sha256:{A}"),
        (f"{A} ./disk.qcow2\n", f"sha256:{A}"),
        (f"{A.upper()}  images/disk.qcow2\r\n", f"sha256:{A}"),
        (f"SHA256 (disk.qcow2) = {A}\n", f"sha256:{A}"),
        (f"# disk.qcow2: 5 bytes\nSHA512 (disk.qcow2) = {B}\nSHA512 (x) = {A * 2}\n", f"sha512:{B}"),
        (f"{'c' * 32}  disk.qcow2\n{A}  disk.qcow2\n", f"sha256:{A}"),
        (f"{A}\n", f"sha256:{A}"),
        (f"SHA256 (disk.qcow2) = {A}\nSHA256 (disk.qcow2) = {A}\n", f"sha256:{A}"),
    ],
)
def test_the_grammars_of_checksum_files(text: str, digest: str) -> None:
    assert str(find(text, "disk.qcow2", "SUMS")) == digest


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "lists no digest at all"),
        (f"{A}  other.qcow2\n", "It lists other.qcow2"),
        (f"{A}\n{A[:-1]}f\n", "lists no digest"),
        (f"{A}  disk.qcow2\n{A[:-1]}f  disk.qcow2\n", "different digests"),
        (f"SHA256 (disk.qcow2) = {A}00\n", "lists no digest"),
        (f"{A}  disk.qcow2.xz\n", "It lists disk.qcow2.xz"),
    ],
)
def test_checksum_files_that_do_not_say_it(text: str, says: str) -> None:
    with pytest.raises(DevboxError) as raised:
        find(text, "disk.qcow2", "SUMS")
    assert says in f"{raised.value.message} {raised.value.details}"


def test_the_checksum_file_of_a_single_image_may_call_it_by_its_date() -> None:
    text = f"SHA256 (disk-20260101.qcow2) = {A}\n"
    assert (
        str(find(text, "disk-latest.qcow2", "https://x.example/disk-latest.qcow2.SHA256SUM")) == f"sha256:{A}"
    )
    two = f"{text}SHA256 (other.qcow2) = {A[:-1]}f\n"
    with pytest.raises(DevboxError, match="says nothing about"):
        find(two, "disk-latest.qcow2", "https://x.example/disk-latest.qcow2.SHA256SUM")


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(len(digest.value) >= 32 for _, digest in entries(text))


@pytest.mark.parametrize("text", ["", "sha256", f"sha256:{A}0", f"sha3:{A}", f"sha256:{'x' * 64}"])
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(ValueError, match="is no digest"):
        Digest.parse(text)


PRIMARY = "1" * 40
VALID = f"[GNUPG:] VALIDSIG {'2' * 40} 2026-01-01 1767225600 0 4 0 1 10 00 {PRIMARY}"
GOOD = "[GNUPG:] GOODSIG 222 Somebody"


@pytest.mark.parametrize(
    "lines, problem",
    [
        ([GOOD, VALID], ""),
        ([GOOD], "no signature that can be checked"),
        (["gpgv: [GNUPG:] VALIDSIG"], "no signature that can be checked"),
        ([GOOD, VALID.replace(PRIMARY, "3" * 40)], "which the box does not pin"),
        (["[GNUPG:] EXPKEYSIG 222 x", VALID], "key that signed it has expired"),
        (["[GNUPG:] REVKEYSIG 222 x", VALID], "was revoked"),
        (["[GNUPG:] BADSIG 222 x"], "is not what was signed"),
        (["[GNUPG:] NO_PUBKEY 77"], "another key than those of the box (77)"),
        ([GOOD, VALID, "[GNUPG:] BADSIG 222 x"], "is not what was signed"),
        (["[GNUPG:] NODATA 4"], "there is no signature"),
    ],
)
def test_what_gpgv_says(lines: list[str], problem: str) -> None:
    found = verdict(lines, (PRIMARY.lower(),))
    assert problem in found.problem
    assert bool(found.fingerprint) == (not problem)


def test_the_mount_map(tmp_path: Path) -> None:
    (tmp_path / "gluster" / "images").mkdir(parents=True)
    settings = FetchSettings(mounts=(Mount("fs-1", tmp_path / "gluster"), Mount("fs-2", Path("/"))))

    def where(path: str, id: str = "fs-1", mountpoint: str = "/mnt/gl") -> Path:  # noqa: A002 - Glance's word
        return local_path(path, {"id": id, "mountpoint": mountpoint}, settings)

    assert where("/mnt/gl/images/1") == tmp_path / "gluster" / "images" / "1"
    assert where("/mnt/gl/images/1", mountpoint="/mnt/gl/") == tmp_path / "gluster" / "images" / "1"
    assert where("/srv/x/1", "fs-2", "/") == Path("/srv/x/1")
    for path, id_, mountpoint, says in [
        ("/mnt/glance/1", "fs-1", "/mnt/gl", "is not below its mount point"),
        ("/mnt/gl/../../etc/shadow", "fs-1", "/mnt/gl", "is not below its mount point"),
        ("mnt/gl/1", "fs-1", "/mnt/gl", "is not below its mount point"),
        ("/mnt/gl/1", "fs-3", "/mnt/gl", "is not known here"),
        ("/mnt/gl/1", "", "/mnt/gl", "comes without id"),
        ("/mnt/gl/1", "fs-1", "", "comes without mountpoint"),
    ]:
        with pytest.raises(Refused, match=says):
            where(path, id_, mountpoint)
    (tmp_path / "gluster" / "out").symlink_to("/etc")
    with pytest.raises(Refused, match="leads out of"):
        where("/mnt/gl/out/shadow")


def test_a_direct_copy_keeps_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with source.open("wb") as file:
        file.write(b"start" * 1000)
        file.seek(64 << 20)
        file.write(b"end")
        file.truncate(128 << 20)
    how = copy(source, tmp_path / "target")
    assert how in (How.REFLINK, How.KERNEL)
    assert (tmp_path / "target").read_bytes() == source.read_bytes()
    assert (tmp_path / "target").stat().st_blocks * 512 < 1 << 20


def test_a_copy_between_file_systems(tmp_path: Path) -> None:
    there = Path("/dev/shm", f"devbox-test-{os.getpid()}")  # another file system than the tests'
    try:
        there.write_bytes(os.urandom(3 << 20))
        assert copy(there, tmp_path / "target") in (How.KERNEL, How.READ)
        assert (tmp_path / "target").read_bytes() == there.read_bytes()
    finally:
        there.unlink(missing_ok=True)


def test_glance_says_where_an_image_lies() -> None:
    place = {"url": "file:///srv/1", "metadata": {"id": "fs-1", "mountpoint": "/srv", "store": "file"}}
    image = {"locations": [place, {"url": "rbd://x"}], "direct_url": "file:///srv/1"}
    assert list(locations(image)) == [
        ("file:///srv/1", {"id": "fs-1", "mountpoint": "/srv", "store": "file"}),
        ("rbd://x", {}),
        ("file:///srv/1", {}),
    ]
    assert list(locations({"id": "1"})) == []


def test_mirrors_come_before_the_place_itself() -> None:
    settings = FetchSettings(mirrors={"https://a.example/": ("http://b.example/x/", "http://c.example/")})
    assert list(mirrored("https://a.example/p/q", settings)) == [
        "http://b.example/x/p/q",
        "http://c.example/p/q",
        "https://a.example/p/q",
    ]
    assert list(mirrored("https://d.example/", settings)) == ["https://d.example/"]


def test_passwords_are_not_shown() -> None:
    assert shown("https://me:secret@example.org/x") == "https://me:***@example.org/x"
    assert shown("https://me@example.org/x") == "https://me@example.org/x"


def test_devbox_serves_these_schemes() -> None:
    assert set(table().fetchers) >= {"http", "https", "file", "filesystem", "ssh", "glance", "s3", "swift"}
    assert table() is table()


def registered(name: str, *schemes: str, **more: object) -> SimpleNamespace:
    module = SimpleNamespace(schemes=lambda: schemes, download=lambda *_: None, **more)
    return SimpleNamespace(name=name, value=f"pkg.{name}", load=lambda: module)


def test_the_first_wins_and_the_others_are_reported() -> None:
    broken = EntryPoint("broken", "nobody_has_this_module", "devbox.fetchers")
    empty = SimpleNamespace(name="empty", value="pkg.empty", load=lambda: ModuleType("empty"))
    found = build([registered("b", "demo", "https"), registered("a", "demo"), broken, empty])  # type: ignore[list-item]
    assert set(found.fetchers) == {*build([]).fetchers, "demo"}
    assert len(found.reports) == 4
    said = "\n".join(found.reports)
    assert "'pkg.b' is not used for 'demo:'" in said
    assert "'pkg.b' is not used for 'https:'" in said
    assert "'broken' (nobody_has_this_module) can't be used: ModuleNotFoundError" in said
    assert "'empty' (pkg.empty) can't be used: AttributeError" in said


def test_only_allowed_schemes_are_used() -> None:
    known: Table = build([])
    assert known.find("https", FetchSettings()) is known.fetchers["https"]
    with pytest.raises(Refused, match="'https' is not allowed"):
        known.find("https", FetchSettings(allowed_schemes=("file",)))
    with pytest.raises(Refused, match="Nothing is installed that fetches 'demo:'"):
        known.find("demo", FetchSettings(allowed_schemes=("demo",)))
