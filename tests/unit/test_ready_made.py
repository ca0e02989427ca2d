"""The verbs around a ready-made image, as a user runs them: build, boxes --refresh, images, devbox.lock."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Program
from naughty import Site, serving

from devbox.paths import Home

pytestmark = pytest.mark.integration


def publish(site: Site, folder: Path, size: str) -> str:
    """Put another image there; its digest."""
    file = folder / f"{size}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, size], check=True)
    site.files["old.qcow2"] = file.read_bytes()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    site.files["SUMS"] = f"{digest}  old.qcow2\n".encode()
    return f"sha256:{digest}"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving(Site({})) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path, site: Site) -> Path:
    folder = tmp_path / "project"
    (folder / "boxes").mkdir(parents=True)
    (folder / "devbox.yml").write_text("name: x\n")
    (folder / "boxes" / "old.yml").write_text(f"""\
summary: An old system
family: centos
release: "6.5"
prepared: false
disk: 8MiB
image: {{locations: ["{site.place("old.qcow2")}"], checksums: "{site.place("SUMS")}"}}
""")
    return folder


def test_from_the_first_fetch_to_a_newer_one(home: Home, project: Path, site: Site, tmp_path: Path) -> None:
    devbox = Program(home)

    def refreshed() -> dict[str, str]:
        (row,) = json.loads(devbox.good("boxes", "old", "--refresh", "--json", cwd=project))
        return {key: row[key] for key in ("state", "has", "published")}

    first = publish(site, tmp_path, "4M")
    assert refreshed() == {"state": "not fetched yet", "has": "", "published": first}
    devbox.good("build", "old", cwd=project)
    assert f"old: {first}" in (project / "devbox.lock").read_text()
    (image,) = json.loads(devbox.good("images", "--json", cwd=project))
    assert (image["trust"], image["digest"]) == ("published digest", first)
    assert refreshed()["state"] == "current"
    (home.images / image["key"] / "disk.qcow2").stat()

    second = publish(site, tmp_path, "6M")
    assert refreshed() == {"state": "newer", "has": first, "published": second}
    devbox.good("build", "old", cwd=project)  # what it has is what the project agreed on
    assert len(json.loads(devbox.good("images", "--json", cwd=project))) == 1
    devbox.good("build", "old", "--force", cwd=project)
    assert f"old: {second}" in (project / "devbox.lock").read_text()
    assert refreshed()["state"] == "current"

    other = Program(Home(tmp_path / "elsewhere"))
    publish(site, tmp_path, "7M")
    ran = other("build", "old", cwd=project)
    assert ran.status == 1
    assert "no longer what devbox.lock names" in ran.stderr
    assert second in "".join(ran.stderr.split())
    assert not other.home.images.exists() or list(other.home.images.iterdir()) == []
    assert list(other.home.staging.iterdir()) == []


def test_a_disk_that_is_larger_than_its_box(home: Home, project: Path, site: Site, tmp_path: Path) -> None:
    publish(site, tmp_path, "9M")
    ran = Program(home)("build", "old", cwd=project)
    assert ran.status == 1
    assert "a disk of 9MiB, more than its box says" in " ".join(ran.stderr.split())
    assert list(home.staging.iterdir()) == []


def test_a_scheme_that_the_user_does_not_allow(home: Home, project: Path, site: Site, tmp_path: Path) -> None:
    publish(site, tmp_path, "4M")
    (tmp_path / "config.yml").write_text("fetch: {allowed_schemes: [https]}\n")
    configured = {"DEVBOX_CONFIG": str(tmp_path / "config.yml")}
    ran = Program(home)("build", "old", cwd=project, env=configured)
    assert ran.status != 0
    assert "The scheme 'http' is not allowed here" in " ".join(ran.stderr.split())
    (tmp_path / "config.yml").write_text("fetch: {allowed: [https]}\n")
    ran = Program(home)("build", "old", cwd=project, env=configured)
    assert ran.status == 2
    assert "config.yml:1: fetch.allowed: there is no key 'allowed'" in " ".join(ran.stderr.split())
