"""A whole disk image scrubbed, proved and recovered, without a machine: needs root, which alone may mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyrage
import pytest
from conftest import Program
from made_trees import CANARIES, INNOCENT, PASSWD, grow, picture, word

from devbox.process import which
from devbox.qcow2 import backing_file
from devbox.scrub.mounting import assembled, exported, own_mounts, partitions
from devbox.scrub.restoring import restore
from devbox.scrub.rooted import Root

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount"),
    pytest.mark.skipif(which("qemu-storage-daemon") is None, reason="needs qemu-storage-daemon"),
    pytest.mark.skipif(not Path("/dev/fuse").exists(), reason="needs FUSE"),
]

DELETED = [f"canary7deleted{number:03}end".encode() for number in range(40)]
OFF = {b"/etc/iptables/rules.v4", b"/etc/shadow"}  # of operations that are off by default


@contextmanager
def tree_of(disk: Path, folder: Path, *, writable: bool) -> Iterator[Path]:
    """The disk's files, for this thread only."""
    folder.mkdir()
    with own_mounts(), exported(disk, "qcow2", folder, writable=writable) as raw:
        found = partitions(raw)
        with assembled(raw, found, folder, read_only=not writable) as (top, _):
            yield top


def qemu_img(*words: str | Path) -> None:
    subprocess.run(["qemu-img", *words], check=True, stdin=subprocess.DEVNULL, capture_output=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk with canaries in files, in free space, in a swap file and in what its backing file has."""
    folder = tmp_path_factory.mktemp("disk")
    base, top = folder / "base.qcow2", folder / "top.qcow2"
    raw = folder / "base.raw"
    with raw.open("wb") as file:
        file.truncate(96 << 20)
    tree = folder / "tree"
    below = dict(list(CANARIES.items())[::2])
    fstab = b"/dev/vda / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n"
    grow(tree, {**INNOCENT, **below, b"/etc/passwd": PASSWD, b"/etc/fstab": fstab})
    subprocess.run(
        ["/usr/sbin/mke2fs", "-q", "-t", "ext4", "-d", tree, raw], check=True, stdin=subprocess.DEVNULL
    )
    qemu_img("convert", "-O", "qcow2", raw, base)
    qemu_img("create", "-f", "qcow2", "-F", "qcow2", "-b", base, top)
    with tree_of(top, folder / "seed", writable=True) as mounted:
        grow(mounted, {path: contents for path, contents in CANARIES.items() if path not in below})
        grow(mounted, {b"/swapfile": b"\0" * 8192 + b"canary7inswap " * 9000})
        for number, name in enumerate(DELETED):
            (mounted / "srv" / os.fsdecode(name)).write_bytes(b"x " + word(name) + os.urandom(100 * number))
            os.symlink(b"/canary7link" + word(name), mounted / "srv" / f"l{number}")
        os.sync()
        for number, name in enumerate(DELETED):
            (mounted / "srv" / os.fsdecode(name)).unlink()
            (mounted / "srv" / f"l{number}").unlink()
    raw.unlink()
    return top


def canaries_in(disk: Path, folder: Path) -> set[bytes]:
    """What a look at every byte finds."""
    raw = folder / "look.raw"
    qemu_img("convert", "-O", "raw", disk, raw)
    contents = raw.read_bytes() + disk.read_bytes()
    raw.unlink()
    found = {path for path in CANARIES if word(path) in contents}
    found |= {name for name in DELETED if name in contents or word(name) in contents}
    return found | ({b"/swapfile"} if b"canary7inswap" in contents else set())


def attributes(tree: dict[bytes, tuple[object, ...]]) -> dict[bytes, tuple[object, ...]]:
    """All but what lies outside of any operation: swap's contents, and e2fsck's own folder."""
    return {path: shown[:6] for path, shown in tree.items() if path not in {b"/swapfile", b"/lost+found"}}


def test_no_byte_of_any_canary_is_left_and_everything_comes_back(
    disk: Path, tmp_path: Path, cli_in: Program
) -> None:
    owner = pyrage.x25519.Identity.generate()
    before = canaries_in(disk, tmp_path)
    assert len(before) >= 250
    untouched = disk.read_bytes()
    clean, copy = tmp_path / "clean.qcow2", tmp_path / "copy.age"
    words: list[str | Path] = ["--output", clean, "--recover-to", copy, "--recipient", str(owner.to_public())]
    cli_in.good("scrub", disk, *words, "--report", tmp_path / "report.json")
    assert disk.read_bytes() == untouched
    assert backing_file(clean) is None
    assert canaries_in(clean, tmp_path) == OFF
    subprocess.run(["qemu-img", "check", "-q", clean], check=True)

    with tree_of(disk, tmp_path / "was", writable=True) as top:
        was = {path.removeprefix(os.fsencode(top)): shown for path, shown in picture(top).items()}
    with tree_of(clean, tmp_path / "is", writable=True) as top, Root(top) as root:
        restore(copy, [owner], root)
        now = {path.removeprefix(os.fsencode(top)): shown for path, shown in picture(top).items()}
    assert attributes(now) == attributes(was)


def test_a_secret_that_no_operation_takes_stops_it(disk: Path, tmp_path: Path, cli_in: Program) -> None:
    """A copy of a removed key inside a file that stays: the raw bytes tell, and no image appears."""
    bad = tmp_path / "bad.qcow2"
    qemu_img("create", "-f", "qcow2", "-F", "qcow2", "-b", disk, bad)
    with tree_of(bad, tmp_path / "more", writable=True) as top:
        (top / "srv/archive").write_bytes(b"\0" * 2_000_000 + CANARIES[b"/srv/app/config.0"])
    ran = cli_in("scrub", bad, "--output", tmp_path / "clean.qcow2", "--yes")
    assert ran.status == 1, ran.stdout + ran.stderr
    assert "left: private-key in /srv/archive" in ran.stdout
    assert not (tmp_path / "clean.qcow2").exists()
    assert [path.name for path in tmp_path.glob(".devbox*")] == []


def test_what_can_not_be_mounted_is_refused(tmp_path: Path, cli_in: Program) -> None:
    (tmp_path / "noise.raw").write_bytes(b"\0" * (1 << 20))
    ran = cli_in("scrub", tmp_path / "noise.raw", "--yes")
    assert ran.status == 2
    assert "can't all be looked into" in ran.stderr


def test_bad_input_changes_nothing(disk: Path, tmp_path: Path, cli_in: Program) -> None:
    untouched = disk.read_bytes()
    cases = {
        ("scrub", str(disk)): "gone for good",
        ("scrub", str(disk), "--yes", "--operations", "logz,-nothing"): "'logz', '-nothing'",
        ("scrub", str(disk), "--recover-to", str(tmp_path / "x.age")): "No recipient",
        ("scrub", str(tmp_path / "none.qcow2"), "--yes"): "neither a disk image nor a folder",
        ("scrub", "/", "--yes"): "this host itself",
        ("recover", str(disk), "--identity", "/nowhere", "--to", str(tmp_path)): "can't be read",
    }
    for words, says in cases.items():
        ran = cli_in(*words)
        assert (ran.status, says in ran.stderr.replace("\n", " ")) == (2, True), ran.stderr
    assert disk.read_bytes() == untouched


def test_a_childs_first_boot_does_not_run_its_parents_script(tmp_path: Path, cli_in: Program) -> None:
    """The story of Ubuntu 10.04: cloud-init 0.5.10 ran all in data/scripts, once for each new instance."""
    tree = tmp_path / "tree"
    ran = tmp_path / "ran"
    folders = ["data/scripts", "scripts/per-boot", "scripts/per-instance", "instances/i-1/scripts"]
    script = f"#!/bin/sh\necho $0 >> {ran}\n".encode()
    grow(tree, {b"/etc/passwd": PASSWD, b"/var/lib/cloud/sem/user-scripts.i-1": b""})
    grow(tree, {f"/var/lib/cloud/{folder}/part-001".encode(): script for folder in folders})
    for folder in folders:
        (tree / "var/lib/cloud" / folder / "part-001").chmod(0o700)

    def boot_as_another_instance() -> list[str]:
        ran.write_text("")
        for folder in folders:
            place = tree / "var/lib/cloud" / folder
            if place.is_dir():
                subprocess.run(["run-parts", "--regex", ".*", place], check=True, stdin=subprocess.DEVNULL)
        return ran.read_text().splitlines()

    assert len(boot_as_another_instance()) == len(folders)
    cli_in.good("scrub", tree, "--yes")
    assert boot_as_another_instance() == []
