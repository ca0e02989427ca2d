"""Two machines of one environment: static addresses, names, and everything a user does with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Program

pytestmark = pytest.mark.vm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "two-machines"


@pytest.fixture(scope="module")
def project(shared_home: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example in a network of the tests' own, up; its machines serve all tests of this module."""
    from devbox.paths import Home

    assert isinstance(shared_home, Home)
    cli = Program(shared_home)
    folder = tmp_path_factory.mktemp("two") / "project"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "devbox.yml"
    file.write_text(file.read_text().replace("10.79.0.", "10.90.2.").replace("two-machines", "pair"))
    cli.good("-C", folder, "up")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def names(project: Path, cli: Program) -> dict[str, str]:
    return {row["machine"]: row["ip"] for row in json.loads(cli.good("-C", project, "status", "--json"))}


def each_reaches_the_other(project: Path, cli: Program) -> None:
    machines = names(project, cli)
    assert len(machines) == 2
    for here, there in (tuple(machines), tuple(reversed(machines))):
        addresses = cli.good("-C", project, "exec", here, "--", "ip", "-4", "-o", "address")
        assert f"inet {machines[here]}/24" in addresses
        for target in (there, machines[there], f"{there}.pair.devbox"):
            banner = f"exec 3<>/dev/tcp/{target}/22 && head -c 7 <&3"
            assert cli.good("-C", project, "exec", here, "--", "bash", "-c", banner) == "SSH-2.0"


def test_both_have_their_addresses_and_reach_each_other(project: Path, cli: Program) -> None:
    each_reaches_the_other(project, cli)


def test_a_second_up_does_nothing(project: Path, cli: Program) -> None:
    before = cli.good("-C", project, "status", "--json")
    ran = cli("-C", project, "up")
    assert ran.status == 0
    assert "machine." not in ran.stderr
    assert cli.good("-C", project, "status", "--json") == before
    assert "Nothing to do" in cli.good("-C", project, "plan")


def test_exec_passes_input_output_and_status_on(project: Path, cli: Program) -> None:
    machine = next(iter(names(project, cli)))
    ran = cli("-C", project, "exec", machine, "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (ran.status, ran.stdout, ran.stderr) == (7, "out\n", "err\n")
    argv = [str(cli.path), "-C", str(project), "exec", machine, "--", "cat"]
    data = os.urandom(300_000)
    done = subprocess.run(
        argv, input=data, env=cli.environment(), capture_output=True, timeout=120, check=True
    )
    assert done.stdout == data
    odd = cli.good("-C", project, "exec", machine, "--", "printf", "%s|", "a b", "$HOME", "'", "*")
    assert odd == "a b|$HOME|'|*|"


def test_files_and_folders_are_copied_both_ways(project: Path, cli: Program, tmp_path: Path) -> None:
    machine = next(iter(names(project, cli)))
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "data").write_bytes(os.urandom(100_000))
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    cli.good("cp", source, f"{machine}:copied", cwd=project)
    cli.good("cp", f"{machine}:copied", tmp_path / "back", cwd=project)
    assert (tmp_path / "back" / "deep" / "data").read_bytes() == (source / "deep" / "data").read_bytes()
    assert (tmp_path / "back" / "run.sh").stat().st_mode & 0o777 == 0o755


def test_plain_ssh_knows_the_machine_and_its_key(project: Path, cli: Program) -> None:
    machine = next(iter(names(project, cli)))
    argv = [
        "ssh",
        "-F",
        str(cli.home.ssh_config),
        "-o",
        "BatchMode=yes",
        f"{machine}.pair.devbox",
        "hostname",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, machine), done.stderr


def test_stop_keeps_the_disk_and_start_brings_everything_back(project: Path, cli: Program) -> None:
    machines = names(project, cli)
    machine = next(iter(machines))
    cli.good("-C", project, "exec", machine, "--", "sh", "-c", "echo kept > note")
    cli.good("-C", project, "stop")
    rows = json.loads(cli.good("-C", project, "status", "--json"))
    assert {row["state"] for row in rows} == {"stopped"}
    refused = cli("-C", project, "exec", machine, "--", "true")
    assert (refused.status, "devbox start" in refused.stderr) == (2, True)
    cli.good("-C", project, "start")
    assert cli.good("-C", project, "exec", machine, "--", "cat", "note") == "kept\n"
    each_reaches_the_other(project, cli)


def test_reset_throws_away_and_brings_everything_back(project: Path, cli: Program) -> None:
    machine = next(iter(names(project, cli)))
    cli.good("-C", project, "exec", machine, "--", "sh", "-c", "echo gone > mark")
    cli.good("-C", project, "reset")
    assert cli("-C", project, "exec", machine, "--", "cat", "mark").status == 1
    each_reaches_the_other(project, cli)


def test_memory_is_changed_with_a_restart_that_keeps_the_disk(project: Path, cli: Program) -> None:
    machine, *_ = names(project, cli)
    cli.good("-C", project, "exec", machine, "--", "sh", "-c", "echo kept > note")
    file = project / "devbox.yml"
    before = file.read_text()
    after = before.replace("memory: 512MiB", "memory: 640MiB")
    assert before != after
    file.write_text(after)
    plan = json.loads(cli.good("-C", project, "plan", "--json"))
    machines = [change for change in plan["changes"] if change["address"].startswith("machine.")]
    assert {(change["action"], change["effect"]) for change in machines} == {("change", "restart")}
    cli.good("-C", project, "up")
    total = cli.good("-C", project, "exec", machine, "--", "head", "-1", "/proc/meminfo").split()[1]
    assert 560_000 < int(total) < 640 * 1024
    assert cli.good("-C", project, "exec", machine, "--", "cat", "note") == "kept\n"
    each_reaches_the_other(project, cli)


def test_another_environment_on_the_same_network_is_refused(
    project: Path, cli: Program, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(project, other)
    file = other / "devbox.yml"
    ran = cli("-C", other, "up")
    assert (ran.status, "belongs to" in ran.stderr) == (2, True)
    file.write_text(file.read_text().replace("name: pair", "name: rival"))
    ran = cli("-C", other, "up")
    assert (ran.status, "overlaps" in ran.stderr, "pair" in ran.stderr) == (2, True, True)
    assert not cli.home.environment("rival").root.exists()
