"""Killed, stopped, starved: the next run completes, and nothing stays behind."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Program
from leftovers import Leftovers

from devbox import seals
from devbox.paths import Home

pytestmark = pytest.mark.vm

BARE = """
name: {name}
network: {{cidr: {cidr}}}
machines:
  one: {{box: debian-12, ip: {ip}, memory: 576MiB, cpus: 2, disk: 4GiB}}
"""
KILLING = Path(__file__).resolve().parents[1] / "killing.py"


@pytest.fixture
def bare(cli: Program, write_project: Callable[[str], Path]) -> Iterator[Path]:
    """A project with one machine and no playbook; whatever happens, it is destroyed."""
    cli.good("build", "debian-12")
    folder = write_project(BARE.format(name="broken-off", cidr="10.90.1.0/24", ip="10.90.1.10"))
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def killed(cli: Program, folder: Path, at: int, trace: Path, *words: str) -> bool:
    """Run `up`, or what is given, and kill it at its ``at``-th effect; False when it ended before."""
    trace.unlink(missing_ok=True)
    chosen = words or ("up",)
    argv = [sys.executable, str(KILLING), str(at), str(trace), "--", "-C", str(folder), *chosen]
    done = subprocess.run(
        argv, env=cli.environment(), capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode == -signal.SIGKILL:
        return True
    assert done.returncode == 0, f"at effect {at}: {done.stdout}\n{done.stderr}\n{trace.read_text()}"
    return False


def nothing_left(cli: Program) -> list[str]:
    return [line for line in Leftovers(cli.home).found() if "broken-off" in line or "process" in line]


@pytest.mark.parametrize(
    "words,last",
    [(["up", "--cold"], "return libvirt.py:create"), (["up"], "return libvirt.py:createXML")],
    ids=["booted", "cloned"],
)
def test_killed_before_it_runs_at_each_effect_destroy_leaves_nothing(
    cli: Program, bare: Path, tmp_path: Path, words: list[str], last: str
) -> None:
    trace = tmp_path / "trace"
    started = 0
    cli.good("-C", bare, "up")  # so that there is a template
    cli.good("-C", bare, "destroy", "--yes")
    for at in itertools.count(1):
        assert killed(cli, bare, at, trace, *words), "the machine was never started"
        cli.good("-C", bare, "destroy", "--yes")
        cli.good("gc")
        assert nothing_left(cli) == [], f"killed at {trace.read_text().splitlines()[-1]}"
        if trace.read_text().splitlines()[-1].endswith(last):
            started = at
            break
    assert started > 10, "the effects of `up` are not seen any more"


def forget_template(home: Home) -> None:
    """Remove the template of the machine's shape, so that the next `up` makes it."""
    for file in home.templates.glob("*/manifest.json"):
        manifest = json.loads(file.read_text())
        if (manifest["memory"], manifest["cpus"]) == (576 << 20, 2) and manifest["label"] == "debian-12":
            shutil.rmtree(file.parent)


@pytest.mark.parametrize("words", [["up", "--cold"], ["up"]], ids=["booted", "frozen and cloned"])
def test_killed_at_each_effect_in_turn_the_next_up_completes(
    cli: Program, bare: Path, tmp_path: Path, words: list[str]
) -> None:
    trace = tmp_path / "trace"
    at = 0
    forget_template(cli.home)
    # Every run goes a few effects further than the one before, through what that one left behind.
    for at in itertools.count(2, 5):
        if not killed(cli, bare, at, trace, *words):
            break
    assert at > 20, "the effects of `up` are not seen any more"
    assert cli.good("-C", bare, "exec", "one", "--", "hostname").strip() == "one"
    rows = json.loads(cli.good("-C", bare, "status", "--json"))
    assert [row["state"] for row in rows] == ["running"]
    assert json.loads(cli.good("-C", bare, "plan", "--json"))["changes"] == []


def test_killed_while_saving_the_machine_and_all_checkpoints_are_whole(
    cli: Program, bare: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    cli.good("-C", bare, "up")
    cli.good("-C", bare, "exec", "one", "--", "sh", "-c", "echo kept > kept; sync")
    at = 0
    for at in itertools.count(3, 9):
        if not killed(cli, bare, at, trace, "checkpoint", "save", f"at-{at}"):
            break
        cli.good("-C", bare, "up", "--yes")
        assert cli.good("-C", bare, "exec", "one", "--", "cat", "kept") == "kept\n"
    assert at > 10, "the effects of saving are not seen any more"
    saved = [row["name"] for row in json.loads(cli.good("-C", bare, "checkpoint", "list", "--json"))]
    assert f"at-{at}" in saved
    # Not 'images --verify': other tests damage what they share with this one.
    for folder in cli.home.environment("broken-off").checkpoints.iterdir():
        seals.verify(folder)
    for name in {saved[0], saved[-1]}:
        cli.good("-C", bare, "reset", "--to", name)
        assert cli.good("-C", bare, "exec", "one", "--", "cat", "kept") == "kept\n"


def test_two_at_once_make_one_machine(cli: Program, bare: Path) -> None:
    both = [cli.start("-C", bare, "up") for _ in range(2)]
    said = [program.communicate(timeout=300)[1] for program in both]
    assert [program.returncode for program in both] == [0, 0], said
    assert any("waiting for process" in text for text in said)
    assert cli.good("-C", bare, "exec", "one", "--", "hostname").strip() == "one"


def libvirtd(cli: Program) -> list[int]:
    """The daemons that serve this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, environ = (folder / "comm").read_text().strip(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if name in {"libvirtd", "virtqemud"} and os.fsencode(cli.home.root) in environ:
            found.append(int(folder.name))
    return found


def test_libvirtd_killed_in_the_middle_is_survived(cli: Program, bare: Path, tmp_path: Path) -> None:
    events = tmp_path / "events"
    with running_until(cli, events, "booting", "-C", bare, "up", "--cold") as program:
        for pid in libvirtd(cli):
            os.kill(pid, signal.SIGKILL)
        _, said = program.communicate(timeout=300)
    if program.returncode != 0:
        assert "libvirt" in said
        cli.good("-C", bare, "up")
    assert cli.good("-C", bare, "exec", "one", "--", "hostname").strip() == "one"


@contextmanager
def running_until(
    cli: Program, events: Path, text: str, *words: str | Path
) -> Iterator[subprocess.Popen[str]]:
    """A run of devbox that has just told an event with ``text``."""
    program = cli.start("--events", events, *words)
    deadline = time.monotonic() + 300
    while not (events.exists() and text in events.read_text()):
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield program
    program.kill()


def test_ctrl_c_ends_at_once_and_the_next_up_completes(cli: Program, bare: Path, tmp_path: Path) -> None:
    with running_until(cli, tmp_path / "events", "booting", "-C", bare, "up", "--cold") as program:
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=2)
    assert program.returncode == 130
    assert "run the same command again" in said
    cli.good("-C", bare, "up")
    assert cli.good("-C", bare, "exec", "one", "--", "hostname").strip() == "one"


DOWNLOADING = "downloading the essential packages"


def nothing_is_left_of_a_build(cli: Program) -> None:
    assert Leftovers(cli.home).found() == []
    assert cli.home.root.name not in Path("/proc/mounts").read_text()
    cli.good("gc")
    assert list(cli.home.staging.iterdir()) == []
    assert not list(cli.home.images.glob("*"))


def test_ctrl_c_during_a_build_leaves_no_process_and_no_image(cli_in: Program, tmp_path: Path) -> None:
    with running_until(cli_in, tmp_path / "events", DOWNLOADING, "build", "debian-12") as program:
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=2)
    assert program.returncode == 130
    time.sleep(1)  # the kernel ends the children
    nothing_is_left_of_a_build(cli_in)


def test_killed_during_a_build_leaves_no_process(cli_in: Program, tmp_path: Path) -> None:
    with running_until(cli_in, tmp_path / "events", DOWNLOADING, "build", "debian-12") as program:
        program.kill()
        program.communicate(timeout=10)
    time.sleep(1)
    nothing_is_left_of_a_build(cli_in)


def test_a_disk_that_fills_up_during_a_build_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    """On a file system of its own, which another program fills while the build goes on."""
    script = """
    set -eu
    mount -t tmpfs -o size=2200m tmpfs "$1"
    export DEVBOX_HOME="$1/home"
    touch "$1/events"
    (until grep -q "installing the essential" "$1/events"; do sleep 0.1; done
     head -c 2100m /dev/zero > "$1/ballast") 2>/dev/null &
    "$2" --events "$1/events" build debian-12 || echo "status $?"
    kill %1 2>/dev/null || true
    rm -f "$1/ballast"
    "$2" gc
    find "$DEVBOX_HOME/images" "$DEVBOX_HOME/staging" -mindepth 1
    umount "$1"
    """
    place = tmp_path / "small"
    place.mkdir()
    devbox = Path(sys.executable).with_name("devbox")
    argv = ["unshare", "--mount", *((), ("--map-root-user",))[os.geteuid() != 0]]
    done = subprocess.run(
        [*argv, "bash", "-c", script, "bash", str(place), str(devbox)],
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert "status 1" in done.stdout, done.stdout + done.stderr
    assert "error: " in done.stderr
    assert "space" in done.stderr or "room" in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr
    assert "home/images/" not in done.stdout
