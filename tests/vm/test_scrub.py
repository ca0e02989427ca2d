"""A real machine is filled with canaries, its disk scrubbed and booted, and all put back into it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Program
from made_trees import CANARIES, word

from devbox.paths import Home

pytestmark = [pytest.mark.vm, pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")]

PROJECT = """\
name: scrubbing
network: {cidr: 10.90.8.0/24}
machines:
  api: {box: debian-12, ip: 10.90.8.10, cpus: 2, memory: 512MiB, disk: 4GiB}
"""
# What the machine itself needs to go on, or what operations that are off by default take.
SPARED = {b"/etc/shadow", b"/etc/iptables/rules.v4", b"/etc/machine-id", b"/etc/environment", b"/etc/hosts"}
SPARED |= {b"/etc/hostname", b"/etc/devbox/network"} | {path for path in CANARIES if b"/etc/ssh/" in path}
SEEDED = {path: contents for path, contents in CANARIES.items() if path not in SPARED}


@pytest.fixture(scope="module")
def project(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    cli = Program(shared_home)
    folder = tmp_path_factory.mktemp("scrub")
    (folder / "devbox.yml").write_text(PROJECT)
    cli.good("-C", folder, "up")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def inside(cli: Program, project: Path, script: str, stdin: bytes = b"") -> bytes:
    words: list[str | Path] = [cli.path, "-C", project, "exec", "api", "--", "sudo", "sh", "-c", script]
    done = subprocess.run(words, env=cli.environment(), input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def packed() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", encoding="utf-8", errors="surrogateescape") as archive:
        for path, contents in SEEDED.items():
            info = tarfile.TarInfo(path.lstrip(b"/").decode("utf-8", "surrogateescape"))
            info.size, info.mode, info.uid, info.mtime = len(contents), 0o640, 1234, 1_500_000_000
            archive.addfile(info, io.BytesIO(contents))
    return made.getvalue()


SEED = """\
useradd --create-home --uid 1234 ann && useradd --home-dir /var/lib/postgresql postgres &&
useradd --home-dir /var/lib/rabbitmq rabbit && tar x -C / &&
for i in $(seq 30); do echo "canary7deleted$i" >/srv/canary7deleted$i; done && sync && rm /srv/canary7deleted*
logger canary7journal; journalctl --sync; sync
"""


def test_a_scrubbed_machine_boots_and_gets_everything_back(
    project: Path, cli: Program, shared_home: Home, tmp_path: Path
) -> None:
    assert len(SEEDED) >= 150
    inside(cli, project, SEED, packed())
    dry = json.loads(cli.good("-C", project, "scrub", "api", "--dry-run", "--json"))
    assert len(dry["changes"]) > len(SEEDED)
    cli.good("-C", project, "stop")

    disk = shared_home.environment("scrubbing").machine("api").disk
    key, clean, copy = tmp_path / "id", tmp_path / "clean.qcow2", tmp_path / "copy.age"
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
    cli.good("scrub", disk, "--output", clean, "--recover-to", copy, "--recipient", f"{key}.pub")
    raw = tmp_path / "clean.raw"
    subprocess.run(["qemu-img", "convert", "-O", "raw", clean, raw], check=True)
    patterns = b"\n".join([*map(word, SEEDED), b"canary7deleted", b"canary7journal"])
    words = ["grep", "--text", "--null-data", "--count", "--fixed-strings", "--file", "-", str(raw)]
    assert subprocess.run(words, input=patterns, capture_output=True, check=False).stdout == b"0\n"

    clean.replace(disk)
    cli.good("-C", project, "start")
    assert inside(cli, project, "hostname; cat /etc/machine-id | wc -c; ls /srv").split() == [
        b"api",
        b"33",
        b"app",
        b"infra",
    ]
    assert inside(cli, project, "systemctl is-failed ssh || true").strip() == b"active"
    assert inside(cli, project, "ls /srv/app") == b""

    cli.good("-C", project, "recover", copy, "--identity", key, "--to", "api")
    with tarfile.open(
        fileobj=io.BytesIO(inside(cli, project, "tar c -C / srv home root var/lib/cloud"))
    ) as back:
        found = {info.name: info for info in back}
        for path, contents in SEEDED.items():
            name = os.fsdecode(path.lstrip(b"/"))
            if name.split("/")[0] in {"srv", "home"} and info_of(found, name).isreg():
                assert back.extractfile(found[name]).read() == contents  # type: ignore[union-attr]  # it is a file
                assert (found[name].mode, found[name].uid, found[name].mtime) == (0o640, 1234, 1_500_000_000)


def info_of(found: dict[str, tarfile.TarInfo], name: str) -> tarfile.TarInfo:
    assert name in found, name
    return found[name]
