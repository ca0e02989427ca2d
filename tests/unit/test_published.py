"""Boxes with a ready-made image: those that came with devbox, their keys, devbox.lock, settings."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from devbox.box import Box, Origin
from devbox.build import image_key
from devbox.build.first_boot import _parts, _qemu
from devbox.build.published import _cmdline, guest_files, is_static, published
from devbox.configuration import Configuration, FetchSettings, Mount
from devbox.errors import BadInput
from devbox.host import Accelerator, Kind
from devbox.paths import Home, shipped
from devbox.reading.boxes import load_boxes
from devbox.reading.configuration import load_configuration
from devbox.reading.pins import pin, pinned, read_pins
from devbox.units import Size

BOXES = load_boxes([shipped("boxes")])
READY_MADE = {name: box for name, box in BOXES.items() if box.origin}
OLD = {"fedora-18", "fedora-19", "centos-6.5"}
A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def test_the_distributions_that_people_use_are_there() -> None:
    wanted = {
        "debian-12",
        "debian-13",
        "ubuntu-22.04",
        "ubuntu-24.04",
        "ubuntu-26.04",
        "fedora-43",
        "fedora-44",
    }
    wanted |= {f"{name}-{n}" for name in ("centos-stream", "rocky", "almalinux") for n in (9, 10)}
    wanted |= {"opensuse-leap-15.6", "opensuse-leap-16.0", *OLD}
    assert wanted <= set(BOXES)
    assert {name for name, box in BOXES.items() if not box.prepared} == OLD


@pytest.mark.parametrize("name", READY_MADE)
def test_each_ready_made_box_is_whole_and_agrees_with_itself(name: str) -> None:
    box = READY_MADE[name]
    assert box.origin is not None
    urls = [*box.origin.locations, box.origin.checksums, box.origin.signature, box.origin.keys]
    assert all(urlsplit(url).scheme == "https" and urlsplit(url).hostname for url in urls if url)
    assert len({urlsplit(url).path.rpartition("/")[2] for url in box.origin.locations}) == 1
    assert box.release in " ".join(urls) or box.release.partition(".")[0] in " ".join(urls)
    assert name.startswith((box.family, "centos-stream", "opensuse-leap")) or box.family in name
    assert box.user or not box.prepared
    assert box.min_memory >= Size.parse("512MiB")
    assert box.disk <= Size.parse("20GiB")  # what a machine has that asks for nothing
    if name.endswith("-10"):
        assert box.cpu.startswith("Haswell")  # x86-64-v3
    if box.family in ("fedora", "rocky", "almalinux", "opensuse", "ubuntu") and box.prepared:
        assert box.origin.fingerprints
    assert box.origin.insecure == (name == "fedora-18")


BOX = Box(
    name="x",
    file=Path("/x.yml"),
    summary="X",
    family="fedora",
    release="43",
    architecture="amd64",
    packages=(),
    disk=Size.parse("5GiB"),
    cpu="Nehalem",
    min_memory=Size.parse("512MiB"),
    origin=Origin(("https://example.org/x.qcow2",), digest=A),
    user="fedora",
    cmdline=("enforcing=0",),
)
ORIGIN = Origin(("https://example.org/x.qcow2",), "https://example.org/SUMS")


def test_what_makes_another_image() -> None:
    def key(box: Box, **more: object) -> str:
        assert box.origin is not None
        return published(box, box.origin, **more).key  # type: ignore[arg-type]

    assert key(BOX) == key(replace(BOX, summary="Y", min_memory=Size.parse("1GiB")))
    others = [
        replace(BOX, origin=replace(ORIGIN, digest=B)),
        replace(BOX, origin=ORIGIN),
        replace(BOX, user="other"),
        replace(BOX, cmdline=()),
        replace(BOX, disk=Size.parse("6GiB")),
        replace(BOX, family="debian"),
    ]
    assert len({key(box) for box in [BOX, *others]}) == len(others) + 1
    assert key(BOX) != key(BOX, edition="today")


def test_a_lock_names_another_image_only_where_it_has_another_digest(home: Home) -> None:
    plain = replace(BOX, origin=ORIGIN)
    locked = replace(BOX, origin=replace(ORIGIN, locked=A))
    key = image_key(plain, home)
    assert image_key(locked, home) != key  # not there yet: it is to be what the lock says
    (home.images / key).mkdir(parents=True)
    (home.images / key / "manifest.json").write_text(json.dumps({"origin": {"digest": A}}))
    assert image_key(locked, home) == key
    assert image_key(replace(BOX, origin=replace(ORIGIN, locked=B)), home) not in (key, "")


def test_devbox_lock_is_written_read_and_applied(tmp_path: Path) -> None:
    pin(tmp_path, {"x": A, "built": ""})
    before = (tmp_path / "devbox.lock").stat()
    pin(tmp_path, {"x": A})
    assert (tmp_path / "devbox.lock").stat().st_mtime_ns == before.st_mtime_ns
    pin(tmp_path, {"y": B})
    assert read_pins(tmp_path / "devbox.lock") == {"x": A, "y": B}
    boxes = pinned({"x": replace(BOX, origin=ORIGIN), "y": BOXES["debian-12"]}, tmp_path)
    assert boxes["x"].origin == replace(ORIGIN, locked=A)
    assert boxes["y"] == BOXES["debian-12"]
    (tmp_path / "devbox.lock").write_text("x: latest\ny: [1]\n")
    with pytest.raises(BadInput) as raised:
        read_pins(tmp_path / "devbox.lock")
    assert len(raised.value.mistakes) == 2


def test_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    assert load_configuration(file) == Configuration()
    file.write_text("""\
fetch:
  allowed_schemes: [https, file]
  mirrors: {"https://a.example/": ["http://b.example/"]}
  mounts: [{id: fs-1, mountpoint: /mnt/gl}]
  largest: 8GiB
  patience: 5
""")
    assert load_configuration(file).fetch == FetchSettings(
        ("https", "file"),
        {"https://a.example/": ("http://b.example/",)},
        (Mount("fs-1", Path("/mnt/gl")),),
        Size.parse("8GiB"),
        5,
    )
    file.write_text("""\
fetch:
  allowed_scheme: [https]
  mirrors: {"https://a.example/": ["http://b.example"]}
  mounts: [{id: a}, {id: a, mountpoint: gl}, {id: a, mountpoint: /gl}]
  largest: 8
""")
    with pytest.raises(BadInput) as raised:
        load_configuration(file)
    said = "\n".join(map(str, raised.value.mistakes))
    for part in (
        "did you mean 'allowed_schemes'",
        "both sides end with '/'",
        "the key 'mountpoint' is missing",
        "'gl' is no absolute path",
        "'a' is the id of another mount already",
        "8 has no unit",
    ):
        assert part in said


def test_a_guest_of_another_family_keeps_its_package_manager() -> None:
    def names(family: str) -> set[str]:
        with tarfile.open(fileobj=io.BytesIO(guest_files(family))) as archive:
            return set(archive.getnames())

    assert "usr/lib/devbox/agent.py" in names("fedora")
    assert names("debian") - names("fedora") == {
        name for name in names("debian") if name.startswith(("etc/apt", "etc/dpkg"))
    }
    assert not any(name.startswith("boot/") for name in names("debian"))


def test_what_the_first_boot_hands_out_boots_it(tmp_path: Path) -> None:
    files = {
        "./facts": b"root=/dev/vda4\ntype=btrfs\nflags=subvol=/root\nrelease=6.1\n",
        "./vmlinuz": b"kernel",
        "./modules/102-b.ko": b"second",
        "./modules/101-a.ko.xz": b"first",
    }
    with tarfile.open(tmp_path / "out", "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name.removeprefix("./"))
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    parts = _parts(tmp_path / "out")
    assert parts.modules == (("101-a.ko.xz", b"first"), ("102-b.ko", b"second"))
    words = _cmdline(BOX, parts).split()
    assert words[:3] == ["root=/dev/vda4", "rootfstype=btrfs", "rootflags=subvol=/root"]
    assert words[-1] == "enforcing=0"
    assert "cloud-init=disabled" in words


def test_the_first_boot_reaches_nobody(tmp_path: Path) -> None:
    disk = tmp_path / "a,b" / "disk.qcow2"
    words = " ".join(_qemu(BOX, disk, tmp_path / "seed", tmp_path / "out", Accelerator(Kind.TCG, "")))
    assert "user,id=net,restrict=on" in words
    assert "spawn=deny" in words
    assert f"file={tmp_path}/a,,b/disk.qcow2,format=qcow2" in words  # never probed
    assert f"file={tmp_path}/seed,format=raw,read-only=on" in words


def test_only_static_programs_are_static(tmp_path: Path) -> None:
    assert not is_static(Path("/bin/sh"))
    assert not is_static(tmp_path / "missing")
    (tmp_path / "text").write_text("#!/bin/sh\n")
    assert not is_static(tmp_path / "text")
