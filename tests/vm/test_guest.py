"""A real guest: sessions to it, and what is said when it is another one or does not come up."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from conftest import Program

from devbox.guest import keys
from devbox.guest.promises import Promise, PromiseBroken, verify
from devbox.guest.ready import NotReady, Probe, wait_ready
from devbox.guest.ssh import Endpoint, connect
from devbox.guest.symptoms import Stage
from devbox.paths import Home
from devbox.providers import Power
from devbox.resources.access import endpoint_of

pytestmark = pytest.mark.vm

PROJECT = """\
name: lone
network: {cidr: 10.90.7.0/24}
machines:
  api: {box: debian-12, ip: 10.90.7.10, cpus: 2, memory: 512MiB, disk: 6GiB}
"""
IP = IPv4Address("10.90.7.10")


@pytest.fixture(scope="module")
def project(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    cli = Program(shared_home)
    folder = tmp_path_factory.mktemp("guest")
    (folder / "devbox.yml").write_text(PROJECT)
    cli.good("-C", folder, "up")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


@pytest.fixture
def endpoint(project: Path, shared_home: Home) -> Endpoint:
    return endpoint_of(shared_home, "lone", "api", IP)


def test_ctrl_c_ends_the_command_in_the_machine_too(project: Path, cli: Program, endpoint: Endpoint) -> None:
    running = cli.start("-C", project, "exec", "api", "--", "sh", "-c", "echo up; exec sleep 98765")
    assert running.stdout is not None
    assert running.stdout.readline() == "up\n"
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    with connect(endpoint, 60) as session:
        # The brackets keep pgrep's own shell out of the answer.
        assert session.run(["sh", "-c", "! pgrep -f 'sleep [9]8765'"]).status == 0


def test_sessions_pass_megabytes_and_take_commands_side_by_side(endpoint: Endpoint) -> None:
    with connect(endpoint, 60) as session:
        both = session.run(["sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 9"])
        assert (both.status, len(both.stdout), len(both.stderr)) == (9, 3_000_000, 3_000_000)
        assert session.run(["sh", "-c", "kill -9 $$"]).status == -1
        assert session.run(["wc", "-c"], stdin=b"x" * 1_000_000).stdout.strip() == "1000000"


def test_what_was_promised_is_asked_of_the_machine_itself(endpoint: Endpoint) -> None:
    promise = Promise("api", IPv4Interface("10.90.7.10/24"), {"api": IP})
    with connect(endpoint, 60) as session:
        verify(session, promise)
        other = replace(promise, address=IPv4Interface("10.90.7.11/24"))
        with pytest.raises(PromiseBroken, match=r"10\.90\.7\.11/24 is missing \(it has .*10\.90\.7\.10/24"):
            verify(session, other, timeout=0)


def test_a_machine_with_another_host_key_is_not_ours(
    project: Path, cli: Program, endpoint: Endpoint, shared_home: Home, tmp_path: Path
) -> None:
    theirs = shared_home.environment("lone").machine("api").host_key
    kept = theirs.read_bytes()
    try:
        expected = keys.fingerprint(keys.ensure(tmp_path / "other", "other").public)
        theirs.write_bytes((tmp_path / "other").read_bytes())
        ran = cli("-C", project, "exec", "api", "--", "true")
    finally:
        theirs.write_bytes(kept)
    assert ran.status == 1
    assert expected in ran.stderr
    assert keys.fingerprint(endpoint.host_key) in ran.stderr


@contextmanager
def broken(
    image: Path, identity: Path | None, append: str, folder: Path
) -> Iterator[tuple[Callable[[], Power], Path]]:
    """The same image booted by hand with something amiss."""
    manifest = json.loads((image / "manifest.json").read_text())
    disk, console = folder / "disk.qcow2", folder / "console.log"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image / "disk.qcow2", disk],
        check=True,
    )
    forward = "user,id=up,ipv6=off,hostfwd=tcp:127.90.7.99:2222-:22"
    argv = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "Nehalem", "-smp", "2", "-m", "512"]
    argv += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{console}"]
    argv += ["-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd")]
    argv += ["-append", f"{manifest['cmdline']} {append}", "-drive", f"file={disk},if=virtio"]
    argv += ["-netdev", forward, "-device", "virtio-net-pci,netdev=up"]
    argv += ["-fw_cfg", f"name=opt/devbox/identity,file={identity}"] if identity else []
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        while not console.exists() and process.poll() is None:
            time.sleep(0.05)
        yield lambda: Power.RUNNING if process.poll() is None else Power.STOPPED, console
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "append, with_identity, stage, words",
    [
        ("root=/dev/vdz", True, Stage.NO_ROOT, "devbox-initrd: there is no root device '/dev/vdz'"),
        ("rdinit=/none", True, Stage.NO_ROOT, "Kernel panic"),
        ("systemd.unit=emergency.target", True, Stage.EMERGENCY, "emergency mode"),
        ("", False, Stage.NO_IDENTITY, "no identity"),
    ],
)
def test_a_machine_that_does_not_come_up_says_why(
    endpoint: Endpoint,
    shared_home: Home,
    tmp_path: Path,
    append: str,
    with_identity: bool,
    stage: Stage,
    words: str,
) -> None:
    images = [folder for folder in shared_home.images.iterdir() if (folder / "manifest.json").exists()]
    image = max(images, key=lambda folder: folder.stat().st_mtime)
    identity = shared_home.environment("lone").machine("api").identity if with_identity else None
    there = replace(endpoint, address=IPv4Address("127.90.7.99"))
    with broken(image, identity, append, tmp_path) as (power, console):
        probe = Probe(power, lambda: console.read_text(errors="replace"), lambda: "")
        with pytest.raises(NotReady) as raised:
            wait_ready(there, probe, 300, lambda _: None)
    assert raised.value.diagnosis.stage is stage
    assert words in raised.value.details
    assert raised.value.advice
