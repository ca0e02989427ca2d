"""Machines that are cloned instead of booted: who they are, what they keep, and what they fall back to."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Program

from devbox.paths import Home
from devbox.qcow2 import chain

pytestmark = pytest.mark.vm

# No other module has machines of this size: two tests here damage the template, which is in the shared store.
PAIR = """
name: clones
network: {cidr: 10.90.3.0/24}
machines:
  one: {box: debian-12, ip: 10.90.3.10, memory: 528MiB, cpus: 1, disk: 4GiB}
  two: {box: debian-12, ip: 10.90.3.11, memory: 528MiB, cpus: 1, disk: 4GiB}
"""
# What must differ between two clones of one template, however it is asked for.
OWN = {
    "random bytes of the kernel": "head -c 32 /dev/urandom | base64",
    "random bytes of a program": "python3 -c 'import secrets; print(secrets.token_hex())'",
    "machine-id": "cat /etc/machine-id",
    "boot identity": "cat /proc/sys/kernel/random/boot_id",
    "host key": "cat /etc/ssh/ssh_host_ed25519_key.pub",
    "host key that sshd shows": "ssh-keyscan -t ed25519 127.0.0.1 2>/dev/null",
    "host name": "hostname --fqdn",
    "addresses": "ip -4 -o address show segment",
    "hardware address": "cat /sys/class/net/segment/address",
}


@pytest.fixture(scope="module")
def project(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two machines, both cloned from one template; they serve all tests of this module."""
    cli = Program(shared_home)
    folder = tmp_path_factory.mktemp("clones")
    (folder / "devbox.yml").write_text(PAIR)
    cli.good("-C", folder, "up", "--yes")
    cli.good("-C", folder, "destroy", "--yes")
    cli.good("-C", folder, "up", "--yes")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def said(cli: Program, project: Path, machine: str, command: str) -> str:
    return cli.good("-C", project, "exec", machine, "--", "sh", "-c", command).strip()


def uptime(cli: Program, project: Path, machine: str) -> float:
    return float(said(cli, project, machine, "cat /proc/uptime").split()[0])


def events(cli: Program, project: Path, *words: str) -> list[dict[str, object]]:
    file = project / "events.jsonl"
    file.unlink(missing_ok=True)
    cli.good("-C", project, "--events", file, *words)
    return [json.loads(line) for line in file.read_text().splitlines()]


def notes(found: list[dict[str, object]]) -> list[str]:
    return [str(event["text"]) for event in found if event["event"] == "note"]


def tampered(file: Path, offset: int) -> Callable[[], None]:
    """Flip a byte; what is returned puts it back."""
    mode = file.stat().st_mode
    file.chmod(0o600)
    with file.open("r+b") as opened:
        opened.seek(offset)
        before = opened.read(1)
        opened.seek(offset)
        opened.write(bytes([before[0] ^ 0xFF]))

    def back() -> None:
        with file.open("r+b") as opened:
            opened.seek(offset)
            opened.write(before)
        file.chmod(mode)

    return back


def template(home: Home) -> Path:
    """The folder of the template that these machines were cloned from; no test boots 'two' cold."""
    disk = home.environment("clones").machine("two").disk
    stored = (below.parent for below in chain(disk))
    return home.templates / next(folder.name for folder in stored if folder.parent.name == "templates")


def forget_templates(home: Home, mebibytes: int) -> None:
    """Remove those of machines of this size; other modules make others meanwhile."""
    for memory in home.templates.glob("*/memory"):
        if memory.stat().st_size == mebibytes << 20:
            shutil.rmtree(memory.parent)


@pytest.mark.parametrize("what", OWN)
def test_two_clones_differ_in(project: Path, cli: Program, what: str) -> None:
    one, two = (said(cli, project, machine, OWN[what]) for machine in ("one", "two"))
    assert one
    assert one != two


def test_the_clone_is_what_it_shows(project: Path, cli: Program, shared_home: Home) -> None:
    assert said(cli, project, "one", "hostname --fqdn") == "one.clones.devbox"
    assert "10.90.3.10/24" in said(cli, project, "one", "ip -4 -o address show segment")
    shown = said(cli, project, "one", OWN["host key that sshd shows"]).split()[-1]
    assert shown in shared_home.environment("clones").known_hosts.read_text()
    assert said(cli, project, "one", "systemctl is-system-running") == "running"
    assert said(cli, project, "one", "systemctl list-units --failed --plain --no-legend") == ""


def test_clones_know_the_time(project: Path, cli: Program) -> None:
    for machine in ("one", "two"):
        before = time.time()
        inside = float(said(cli, project, machine, "date +%s.%N"))
        assert before - 0.5 <= inside <= time.time() + 0.5


def test_every_pair_can_talk(project: Path, cli: Program) -> None:
    for here, there in (("one", "two"), ("two", "one")):
        assert (
            said(cli, project, here, f"bash -c 'exec 3<>/dev/tcp/{there}/22 && head -c 7 <&3'") == "SSH-2.0"
        )


def test_the_journal_goes_on_under_the_new_identity(project: Path, cli: Program) -> None:
    deadline = time.monotonic() + 30
    command = "logger devbox-was-here; sleep 1; sudo journalctl --no-pager -n 50"
    while "devbox-was-here" not in said(cli, project, "one", command):
        assert time.monotonic() < deadline


def test_a_clone_can_be_booted_later_and_is_still_itself(project: Path, cli: Program) -> None:
    said(cli, project, "one", "echo kept > kept; sync")
    before = {what: said(cli, project, "one", OWN[what]) for what in ("machine-id", "host key", "addresses")}
    cli.good("-C", project, "stop", "one")
    cli.good("-C", project, "start", "one")
    # Only a clone has a file over the kernel's number of its boot.
    assert said(cli, project, "one", "findmnt -n /proc/sys/kernel/random/boot_id || echo own") == "own"
    assert said(cli, project, "one", "cat kept") == "kept"
    assert {what: said(cli, project, "one", OWN[what]) for what in before} == before


def test_a_suspended_machine_goes_on_with_its_processes_and_the_right_time(
    project: Path, cli: Program
) -> None:
    said(cli, project, "two", "nohup sleep 4321 >/dev/null 2>&1 & echo $! > sleeper")
    cli.good("-C", project, "suspend", "two")
    rows = {row["machine"]: row["state"] for row in json.loads(cli.good("-C", project, "status", "--json"))}
    assert rows == {"one": "running", "two": "suspended"}
    time.sleep(2)
    cli.good("-C", project, "resume", "two")
    assert "sleep" in said(cli, project, "two", "cat /proc/$(cat sleeper)/comm")
    assert abs(float(said(cli, project, "two", "date +%s.%N")) - time.time()) < 1.5


def test_a_suspended_machine_can_be_stopped(project: Path, cli: Program) -> None:
    said(cli, project, "two", "echo unwritten > page-cache")
    cli.good("-C", project, "suspend", "two")
    cli.good("-C", project, "stop", "two")
    cli.good("-C", project, "start", "two")
    assert said(cli, project, "two", "cat page-cache") == "unwritten"


def test_a_checkpoint_brings_back_disks_processes_and_connections(project: Path, cli: Program) -> None:
    said(cli, project, "one", "echo before > state")
    listen = "import socket,time; s=socket.create_server(('', 7777)); c,_=s.accept(); time.sleep(3600)"
    said(cli, project, "two", f'nohup python3 -c "{listen}" >/dev/null 2>&1 & echo $! > server')
    talk = "import socket,time; c=socket.create_connection(('two', 7777)); time.sleep(3600)"
    time.sleep(2)
    said(cli, project, "one", f'nohup python3 -c "{talk}" >/dev/null 2>&1 & sleep 2')
    established = "ss -Htn state established '( dport = :7777 )' | wc -l"
    assert said(cli, project, "one", established) == "1"
    running = uptime(cli, project, "one")
    cli.good("-C", project, "checkpoint", "save", "first")
    assert uptime(cli, project, "one") > running  # it went on where it was
    said(cli, project, "one", "echo after > state; sudo rm -rf /etc/apt")
    said(cli, project, "two", "kill $(cat server)")
    cli.good("-C", project, "reset", "--to", "first")
    assert said(cli, project, "one", "cat state; ls -d /etc/apt") == "before\n/etc/apt"
    assert said(cli, project, "two", "cat /proc/$(cat server)/comm") == "python3"
    assert said(cli, project, "one", established) == "1"
    assert abs(float(said(cli, project, "one", "date +%s.%N")) - time.time()) < 1.5


def test_twice_the_same_checkpoint_gives_other_random_numbers(project: Path, cli: Program) -> None:
    seen = set()
    for _ in range(2):
        cli.good("-C", project, "reset", "--to", "first", "one")
        seen.add(said(cli, project, "one", OWN["random bytes of the kernel"]))
    assert len(seen) == 2


def test_checkpoints_are_listed_and_kept_small(project: Path, cli: Program, shared_home: Home) -> None:
    rows = json.loads(cli.good("-C", project, "checkpoint", "list", "--json"))
    assert [row["name"] for row in rows] == ["first"]
    disks = shared_home.environment("clones").checkpoints.glob("first.*/*/disk.qcow2")
    assert all(disk.stat().st_blocks * 512 < 200 << 20 for disk in disks)
    refused = cli("-C", project, "checkpoint", "save", "first")
    assert refused.status == 2
    assert "already" in refused.stderr


def test_a_deleted_checkpoint_takes_nothing_from_the_machines(project: Path, cli: Program) -> None:
    cli.good("-C", project, "checkpoint", "delete", "first")
    assert json.loads(cli.good("-C", project, "checkpoint", "list", "--json")) == []
    assert said(cli, project, "one", "cat state") == "before"
    cli.good("gc")
    cli.good("-C", project, "stop", "one")
    cli.good("-C", project, "start", "one")
    assert said(cli, project, "one", "cat state") == "before"
    refused = cli("-C", project, "reset", "--to", "first")
    assert refused.status == 2
    assert "no checkpoint 'first'" in refused.stderr


def test_more_memory_restarts_the_machine_and_makes_a_template_of_the_new_shape(
    project: Path, cli: Program, shared_home: Home
) -> None:
    file = project / "devbox.yml"
    said(cli, project, "one", "echo kept > kept; sync")
    file.write_text(PAIR.replace("memory: 528MiB", "memory: 640MiB", 1))
    forget_templates(shared_home, 640)
    try:
        plan = json.loads(cli.good("-C", project, "plan", "--json"))["changes"]
        actions = {change["address"].split(".")[0]: change["effect"] or change["action"] for change in plan}
        assert actions == {"template": "create", "machine": "restart"}
        cli.good("-C", project, "up", "--yes")
        assert said(cli, project, "one", "cat kept") == "kept"
        assert (
            int(said(cli, project, "one", "sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"))
            > 520_000
        )
        cli.good("-C", project, "reset", "one")
        # Only a clone's own number of its boot lies over the kernel's.
        assert said(cli, project, "one", "findmnt -n -o SOURCE /proc/sys/kernel/random/boot_id")
        assert said(cli, project, "one", "ls kept 2>&1 || true").startswith("ls:")
    finally:
        file.write_text(PAIR)
        cli.good("-C", project, "up", "--yes")
        cli.good("-C", project, "reset", "one")
        forget_templates(shared_home, 640)


def test_cold_boots(project: Path, cli: Program) -> None:
    cli.good("-C", project, "reset", "--cold", "one")
    assert (
        said(cli, project, "one", "findmnt -n -o SOURCE /proc/sys/kernel/random/boot_id || echo own") == "own"
    )


def test_a_damaged_template_is_named_and_machines_boot(
    project: Path, cli: Program, shared_home: Home
) -> None:
    memory = template(shared_home) / "memory"
    back = tampered(memory, 1 << 20)
    try:
        told = notes(events(cli, project, "reset", "one"))
        assert len([note for note in told if str(memory) in note]) == 1
        assert said(cli, project, "one", "hostname") == "one"
        verified = cli("images", "--verify")
        assert verified.status == 1
        assert "memory" in verified.stdout + verified.stderr
    finally:
        back()
    assert notes(events(cli, project, "reset", "one")) == []


def test_a_template_that_does_not_thaw_is_told_once(project: Path, cli: Program, shared_home: Home) -> None:
    folder = template(shared_home)
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.copytree(folder, aside, copy_function=shutil.copy2)
    try:
        (folder / "state").write_bytes(b"QEVM but not for long")
        (folder / "seal.json").unlink()
        from devbox import seals

        seals.seal(folder)
        told = notes(events(cli, project, "reset", "one"))
        assert len([note for note in told if "boots instead" in note]) == 1
        assert said(cli, project, "one", "hostname") == "one"
    finally:
        (folder / "state.failed").unlink(missing_ok=True)
        for name in ("state", "seal.json"):
            shutil.copy2(aside / name, folder / name)
        shutil.rmtree(aside)
    cli.good("-C", project, "reset", "one")


def test_many_resets_leave_nothing_behind(project: Path, cli: Program, shared_home: Home) -> None:
    def used() -> tuple[int, int]:
        folder = shared_home.environment("clones").root
        files = [path for path in folder.rglob("*") if path.is_file()]
        return len(files), sum(path.stat().st_blocks for path in files if path.name != "console.log")

    def processes() -> int:
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        return sum(
            str(shared_home.root) in line or "clones.devbox" in line for line in listed.stdout.splitlines()
        )

    cli.good("-C", project, "reset")
    before, running = used(), processes()
    for _ in range(5):
        cli.good("-C", project, "reset")
    files, blocks = used()
    assert files == before[0]
    assert blocks < before[1] * 1.5 + 20_000
    assert processes() == running
