"""A cloud image from a web server: fetched, verified, prepared at its first boot, cloned like our own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloudy import NAME, Signer, cloud_image
from conftest import Program
from naughty import Site, serving

from devbox.paths import Home

pytestmark = pytest.mark.vm

PROJECT = """\
name: cloudy
network: {cidr: 10.78.9.0/24}
machines:
  one: {box: cloudy, ip: 10.78.9.10, memory: 1GiB, disk: 6GiB}
  two: {box: cloudy, ip: 10.78.9.11, memory: 1GiB, disk: 6GiB}
"""


@pytest.fixture
def signer(tmp_path: Path) -> Iterator[Signer]:
    made = Signer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def site(shared_home: Home, signer: Signer) -> Iterator[Site]:
    image = cloud_image(shared_home.images.resolve().parent).read_bytes()
    sums = f"{hashlib.sha512(image).hexdigest()}  {NAME}\n".encode()
    files = {NAME: image, "SHA512SUMS": sums, "SHA512SUMS.sign": signer.detached(sums), "key": signer.public}
    with serving(Site(files)) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path, site: Site, signer: Signer) -> Path:
    folder = tmp_path / "project"
    (folder / "boxes").mkdir(parents=True)
    (folder / "devbox.yml").write_text(PROJECT)
    (folder / "boxes" / "cloudy.yml").write_text(f"""\
summary: A cloud image that a web server has
family: debian
release: "12"
user: debian
disk: 5GiB
image:
  locations: [{site.place("gone/" + NAME)}, {site.place(NAME)}]
  checksums: {site.place("SHA512SUMS")}
  signature: {site.place("SHA512SUMS.sign")}
  keys: {site.place("key")}
  fingerprints: [{signer.fingerprint}]
""")
    return folder


def test_a_cloud_image_becomes_machines(cli: Program, project: Path, site: Site, signer: Signer) -> None:
    try:
        cli.good("up", "--yes", cwd=project, timeout=3000)

        for name, ip in (("one", "10.78.9.10"), ("two", "10.78.9.11")):
            said = cli.good(
                "exec", name, "--", "sh", "-c", "hostname; id -un; id -u; ip -br address", cwd=project
            )
            assert said.split()[:3] == [name, "devbox", "1000"]
            assert f"{ip}/24" in said
        keys = {cli.good("exec", name, "cat", "/etc/machine-id", cwd=project) for name in ("one", "two")}
        assert len(keys) == 2
        assert "debian" not in cli.good("exec", "one", "cat", "/etc/passwd", cwd=project)
        assert (
            cli.good("exec", "one", "--", "sudo", "systemctl", "is-system-running", cwd=project)
            == "running\n"
        )
        size = cli.good("exec", "one", "--", "df", "--output=size", "-B1", "/", cwd=project).split()[1]
        assert int(size) > 5 << 30

        digest = f"sha512:{hashlib.sha512(site.files[NAME]).hexdigest()}"
        # Earlier runs may have left theirs in the store, signed by others and fetched from elsewhere.
        images = json.loads(cli.good("images", "--json"))
        (image,) = (row for row in images if row["origin"] == site.place(NAME))
        assert (image["box"], image["digest"]) == ("cloudy", digest)
        assert (image["trust"], image["signed_by"]) == ("signed", signer.fingerprint)
        assert f"cloudy: {digest}" in (project / "devbox.lock").read_text()
        assert "Nothing to do" in cli.good("plan", cwd=project)

        (row,) = (
            row
            for row in json.loads(cli.good("boxes", "cloudy", "--refresh", "--json", cwd=project))
            if row["name"] == "cloudy"
        )
        assert (row["state"], row["has"], row["published"]) == ("current", digest, digest)
    finally:
        cli("destroy", "--yes", cwd=project)
