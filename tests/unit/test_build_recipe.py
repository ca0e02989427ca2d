"""What decides on an image's key, and what its failures say."""

from __future__ import annotations

import io
import json
import stat
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from devbox.box import Box
from devbox.build.bootstrap import apt_settings, explain
from devbox.build.image import load_image
from devbox.build.recipe import overlay, recipe_for
from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.process import CommandFailed
from devbox.units import Size

BOX = Box(
    name="debian-12",
    file=Path("/boxes/debian-12.yml"),
    summary="A box",
    family="debian",
    release="bookworm",
    architecture="amd64",
    packages=("git",),
    disk=Size(4 << 30),
    cpu="Nehalem",
    min_memory=Size(512 << 20),
)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "etc/apt").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    (tmp_path / "etc/apt/sources.list").write_text("deb http://mirror.example/debian bookworm main\n")
    return tmp_path


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: member for member in opened}


def test_the_same_inputs_give_the_same_key(host: Path) -> None:
    assert recipe_for(BOX, root=host).key == recipe_for(BOX, root=host).key


@pytest.mark.parametrize(
    "other",
    [
        replace(BOX, release="trixie"),
        replace(BOX, packages=("git", "vim")),
        replace(BOX, disk=Size(8 << 30)),
    ],
)
def test_what_matters_of_a_box_changes_the_key(host: Path, other: Box) -> None:
    assert recipe_for(other, root=host).key != recipe_for(BOX, root=host).key


@pytest.mark.parametrize(
    "other",
    [
        replace(BOX, name="mine", file=Path("/elsewhere/mine.yml")),
        replace(BOX, summary="Other words"),
        replace(BOX, cpu="max", min_memory=Size(1 << 30)),
        replace(BOX, packages=("git", "udev", "git")),
    ],
)
def test_what_does_not_matter_keeps_the_key(host: Path, other: Box) -> None:
    assert recipe_for(other, root=host).key == recipe_for(BOX, root=host).key


def test_another_mirror_and_another_edition_are_other_images(host: Path) -> None:
    before = recipe_for(BOX, root=host)
    assert recipe_for(BOX, edition="2", root=host).key != before.key
    (host / "etc/apt/sources.list").write_text("deb http://other.example/debian bookworm main\n")
    assert recipe_for(BOX, root=host).key != before.key


def test_a_changed_keyring_changes_the_key(host: Path) -> None:
    ring = host / "company.gpg"
    ring.write_bytes(b"one")
    line = f"deb [signed-by={ring}] http://mirror.example/debian bookworm main\n"
    (host / "etc/apt/sources.list").write_text(line)
    before = recipe_for(BOX, root=host)
    ring.write_bytes(b"two")
    after = recipe_for(BOX, root=host)
    assert after.key != before.key
    assert str(ring).lstrip("/") in members(after.guest)


def test_inputs_are_json_and_name_every_template(host: Path) -> None:
    inputs = json.loads(json.dumps(recipe_for(BOX, root=host).inputs))
    assert {"init", "masked", "root.sh", "finish.sh"} <= set(inputs["boot"])
    assert inputs["packages"].count("openssh-server") == 1
    assert inputs["packages"][-1] == "git"


def test_the_overlay_belongs_to_root_and_scripts_can_be_executed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/plain").write_text("x")
    script = tmp_path / "etc/script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o600)
    found = members(overlay(tmp_path))
    assert found["etc/script"].mode & stat.S_IXUSR
    assert found["etc/plain"].mode == 0o644
    assert {member.uid for member in found.values()} == {0}
    assert overlay(tmp_path) == overlay(tmp_path)


@pytest.mark.parametrize(
    "output, helps",
    [
        ("E: Unable to locate package nosuch", "/boxes/debian-12.yml"),
        ("newuidmap: write to uid_map failed", "--add-subuids"),
        ("unshare: unshare failed: Operation not permitted", "unprivileged_userns"),
        ("Err:1 http://x\n  Temporary failure resolving 'x'", "proxies"),
        ("The following signatures couldn't be verified: NO_PUBKEY 1", "keyring"),
        ("dpkg: write error: No space left on device", "DEVBOX_HOME"),
        ("something new", "devbox doctor"),
    ],
)
def test_failures_say_what_helps(host: Path, output: str, helps: str) -> None:
    error = explain(CommandFailed(["unshare"], 25, f"I: first\n\n{output}\n"), recipe_for(BOX, root=host))
    assert "'debian-12'" in error.message
    assert output.splitlines()[-1] in error.details
    assert helps in error.advice


def test_only_the_tail_of_a_long_output_is_shown(host: Path) -> None:
    lines = [f"line {number}" for number in range(300)]
    error = explain(CommandFailed(["unshare"], 1, "\n".join(lines)), recipe_for(BOX, root=host))
    assert error.details.splitlines()[-1] == "line 299"
    assert len(error.details.splitlines()) == 25


def test_the_hosts_proxies_serve_the_build() -> None:
    dump = """APT::Architecture "amd64";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::https::CaInfo "/etc/ssl/company.pem";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::http::User-Agent "x";
"""
    assert apt_settings(dump) == [
        ("Acquire::http::Proxy", "http://proxy.example:3128"),
        ("Acquire::https::CaInfo", "/etc/ssl/company.pem"),
        ("Acquire::http::Proxy::mirror.example", "DIRECT"),
    ]


@pytest.mark.parametrize(
    "content", [None, "", "{}", "[]", '{"box": "x", "cmdline": "", "virtual_size": "x"}']
)
def test_an_unreadable_image_is_named(home: Home, content: str | None) -> None:
    folder = home.images / ("a" * 64)
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "manifest.json").write_text(content)
    with pytest.raises(DevboxError, match="'aaaaaaaaaaaa'"):
        load_image(home, "a" * 64)


def test_an_image_says_where_its_files_are(home: Home) -> None:
    folder = home.images / "key"
    folder.mkdir(parents=True)
    manifest = {"box": "debian-12", "cmdline": "root=/dev/vda3", "virtual_size": 4 << 30}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    image = load_image(home, "key")
    assert (image.disk, image.kernel, image.initrd) == (
        folder / "disk.qcow2",
        folder / "vmlinuz",
        folder / "initrd",
    )
    assert (image.box, image.cmdline, image.virtual_size) == ("debian-12", "root=/dev/vda3", Size(4 << 30))
