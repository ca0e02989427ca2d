"""Signed checksum files, with real keys made for the test; and a fetcher out of somebody else's package."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cloudy import Signer
from naughty import Site, serving

from devbox.box import Origin
from devbox.configuration import FetchSettings
from devbox.errors import DevboxError
from devbox.fetch import Fetched, Fetching, Trust

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    made = Signer(tmp_path_factory.mktemp("distribution"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    made = Signer(tmp_path_factory.mktemp("stranger"))
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path, signer: Signer) -> Iterator[Site]:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "disk.qcow2", "1M"], check=True)
    disk = (tmp_path / "disk.qcow2").read_bytes()
    sums = f"SHA256 (disk.qcow2) = {hashlib.sha256(disk).hexdigest()}\n".encode()
    files = {
        "disk.qcow2": disk,
        "SUMS": sums,
        "SUMS.asc": signer.detached(sums),
        "CHECKSUM": signer.clearsigned(sums),
        "keys": signer.public,
    }
    with serving(Site(files)) as found:
        yield found


def origin(site: Site, signer: Signer) -> Origin:
    return Origin(
        (site.place("disk.qcow2"),),
        site.place("SUMS"),
        site.place("SUMS.asc"),
        site.place("keys"),
        (signer.fingerprint.lower(),),
    )


def fetch(origin: Origin, tmp_path: Path) -> Fetched:
    work = tmp_path / "work"
    work.mkdir()
    try:
        return Fetching("demo", origin, work, FetchSettings(patience=5), lambda _: None).image()
    except DevboxError:
        assert list(work.iterdir()) == []
        raise


def refused(origin: Origin, tmp_path: Path) -> str:
    with pytest.raises(DevboxError) as raised:
        fetch(origin, tmp_path)
    return f"{raised.value.message}\n{raised.value.details}"


def test_a_detached_signature(site: Site, signer: Signer, tmp_path: Path) -> None:
    found = fetch(origin(site, signer), tmp_path)
    assert (found.trust, found.signed_by) == (Trust.SIGNED, signer.fingerprint)


def test_a_clearsigned_file_counts_only_as_far_as_it_is_signed(
    site: Site, signer: Signer, tmp_path: Path
) -> None:
    clear = replace(origin(site, signer), checksums=site.place("CHECKSUM"), signature="")
    assert fetch(clear, tmp_path).trust is Trust.SIGNED
    site.files["CHECKSUM"] = f"SHA512 (disk.qcow2) = {'0' * 128}\n".encode() + site.files["CHECKSUM"]
    (tmp_path / "work" / "disk.fetched").unlink()
    (tmp_path / "work").rmdir()
    assert fetch(clear, tmp_path).digest.algorithm == "sha256"


def test_a_file_that_is_not_signed_in_itself(site: Site, signer: Signer, tmp_path: Path) -> None:
    assert "should be signed in itself" in refused(replace(origin(site, signer), signature=""), tmp_path)


def test_a_changed_file(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.files["SUMS"] += b"\n"
    assert "the file is not what was signed" in refused(origin(site, signer), tmp_path)


def test_another_ones_signature(site: Site, signer: Signer, stranger: Signer, tmp_path: Path) -> None:
    site.files["SUMS.asc"] = stranger.detached(site.files["SUMS"])
    assert "signed by another key than those of the box" in refused(origin(site, signer), tmp_path)


def test_another_ones_key_beside_the_right_one(
    site: Site, signer: Signer, stranger: Signer, tmp_path: Path
) -> None:
    site.files["SUMS.asc"] = stranger.detached(site.files["SUMS"])
    site.files["keys"] += stranger.public
    assert f"signed by {stranger.fingerprint}, which the box does not pin" in refused(
        origin(site, signer), tmp_path
    )


def test_no_signature_at_all(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.files["SUMS.asc"] = b"<html>not found</html>"
    assert "is not trusted: there is no signature" in refused(origin(site, signer), tmp_path)


def test_keys_that_are_none(site: Site, signer: Signer, tmp_path: Path) -> None:
    site.files["keys"] = b"<html>not found</html>"
    assert "public keys is none" in refused(origin(site, signer), tmp_path)


def test_an_expired_key(site: Site, tmp_path: Path) -> None:
    late = Signer(tmp_path, expires="seconds=5")
    try:
        site.files["SUMS.asc"] = late.detached(site.files["SUMS"])
        site.files["keys"] = late.public
        subprocess.run(["sleep", "6"], check=True)
        assert "key that signed it has expired" in refused(origin(site, late), tmp_path)
    finally:
        late.close()


def test_a_fetcher_of_another_package(tmp_path: Path) -> None:
    target = tmp_path / "packages"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    install += ["--no-build-isolation", "--target", str(target), str(ROOT / "tests" / "demo_fetcher")]
    subprocess.run(install, check=True, capture_output=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "disk.qcow2", "1M"], check=True)
    digest = hashlib.sha256((tmp_path / "disk.qcow2").read_bytes()).hexdigest()
    program = f"""
from pathlib import Path
from devbox.box import Origin
from devbox.configuration import FetchSettings
from devbox.fetch import Fetching
origin = Origin(("demo://anywhere{tmp_path}/disk.qcow2",), digest="sha256:{digest}")
found = Fetching("demo", origin, Path("{tmp_path}"), FetchSettings(), print).image()
print(found.trust, found.file)
"""
    paths = os.pathsep.join([str(target), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert f"digest in the box {tmp_path}/disk.fetched" in done.stdout
    assert "'devbox_demo.second' is not used for 'https:'" in done.stdout
    assert "The fetcher 'broken' (devbox_demo.broken) can't be used" in done.stdout
