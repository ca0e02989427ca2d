"""The libvirt provider where no fake can follow it: daemons that die, sockets, disks, others' ports."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import shapes
from shapes import Bench

from devbox.errors import DevboxError
from devbox.host.kvm import Kind, probe
from devbox.paths import Home
from devbox.providers import Power
from devbox.providers.libvirt import LibvirtProvider, overlay
from devbox.providers.libvirt.daemon import PrivateDaemon, private_daemon
from devbox.qcow2 import virtual_size
from devbox.units import Size

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def libvirt_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    home = Home(tmp_path_factory.mktemp("libvirt"))
    shapes.lay_out(home, real=True)
    yield home
    LibvirtProvider(home).close()


@pytest.fixture
def bench(libvirt_home: Home) -> Iterator[Bench]:
    provider = LibvirtProvider(libvirt_home)
    yield Bench(libvirt_home, provider, lambda: LibvirtProvider(libvirt_home))
    for owned in provider.machines():
        provider.delete(owned.mark.domain)


@pytest.fixture
def private(bench: Bench) -> PrivateDaemon:
    daemon = private_daemon(bench.home)
    if daemon is None:
        pytest.skip("this user needs no daemon of its own")
    bench.provider.create(bench.shape())  # starts it
    return daemon


def daemon_pid(private: PrivateDaemon) -> int:
    pid = private._listener()
    assert pid is not None
    return pid


def kill_daemon(private: PrivateDaemon) -> None:
    os.kill(daemon_pid(private), signal.SIGKILL)
    eventually(lambda: not private.answers())


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def processes_of(home: Home) -> list[str]:
    """The programs whose command or environment names the home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if os.fsencode(home.root) in words:
                found.append((folder / "comm").read_text().strip())
        except OSError:
            continue
    return found


def test_the_test_guest_of_the_probe_arrives_under_emulation() -> None:
    assert probe(Kind.TCG).kind is Kind.TCG
    assert "ran" in probe(Kind.TCG).why


def test_a_guest_starts_and_hears_the_power_button(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    eventually(lambda: b"idle" in wanted.console.read_bytes())
    bench.provider.shutdown(wanted.mark.domain, 60)
    assert bench.owned(wanted).power is Power.STOPPED
    assert "reason=shutdown" in bench.provider.last_words(wanted.mark.domain)


def test_a_guest_that_does_not_listen_loses_its_power(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    bench.provider.shutdown(wanted.mark.domain, 0)
    assert bench.owned(wanted).power is Power.STOPPED


def test_the_console_log_is_continued_at_the_next_start(bench: Bench) -> None:
    wanted = bench.made()
    for times in (1, 2):
        bench.provider.start(wanted.mark.domain)
        eventually(lambda times=times: wanted.console.read_bytes().count(b"idle") == times)  # type: ignore[misc]
        bench.provider.kill(wanted.mark.domain)


def test_machines_outlive_a_killed_daemon(bench: Bench, private: PrivateDaemon) -> None:
    wanted = bench.shape()
    mark = wanted.mark.but(made=True, provisioned="digest")
    bench.provider.start(wanted.mark.domain)
    bench.provider.remark(mark)
    kill_daemon(private)
    owned = bench.owned(wanted, bench.another())
    assert (owned.mark, owned.power, owned.forwards) == (mark, Power.RUNNING, wanted.forwards)


@pytest.mark.parametrize(
    "verb", ["machines", "create", "start", "kill", "remark", "delete", "console_command"]
)
def test_an_open_provider_carries_on_when_the_daemon_was_killed(
    bench: Bench, private: PrivateDaemon, verb: str
) -> None:
    wanted = bench.shape()
    name = wanted.mark.domain
    calls: dict[str, Callable[[], object]] = {
        "machines": bench.provider.machines,
        "create": lambda: bench.provider.create(wanted),
        "start": lambda: bench.provider.start(name),
        "kill": lambda: bench.provider.kill(name),
        "remark": lambda: bench.provider.remark(wanted.mark.but(made=True)),
        "delete": lambda: bench.provider.delete(name),
        "console_command": lambda: bench.provider.console_command(name),
    }
    assert bench.provider.machines()
    kill_daemon(private)
    calls[verb]()
    assert [owned.mark.domain for owned in bench.provider.machines()] == ([] if verb == "delete" else [name])


def console_says(bench: Bench, name: str) -> bytes:
    """What the console's program prints on a terminal until the machine is gone."""
    argv = bench.provider.console_command(name)
    ours, theirs = os.openpty()
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as joined:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the terminal's other end was closed
            while piece := os.read(ours, 1024):
                said += piece
                if b"Escape character" in said:
                    time.sleep(1)  # an error would follow at once
                    bench.provider.kill(name)
        joined.wait()
    os.close(ours)
    return said


def test_the_console_can_be_joined(bench: Bench) -> None:
    name = bench.made().mark.domain
    bench.provider.start(name)
    said = console_says(bench, name)
    assert b"Connected to domain" in said
    assert b"error:" not in said


def test_a_console_that_died_with_its_daemon_is_not_joined(bench: Bench, private: PrivateDaemon) -> None:
    name = bench.made().mark.domain
    bench.provider.start(name)
    kill_daemon(private)
    with pytest.raises(DevboxError, match=f"console of the machine '{name}' was lost"):
        bench.provider.console_command(name)
    bench.provider.kill(name)
    bench.provider.start(name)
    assert name in bench.provider.console_command(name)


def test_closing_leaves_a_daemon_with_machines_alone(bench: Bench, private: PrivateDaemon) -> None:
    before = daemon_pid(private)
    bench.provider.close()
    assert daemon_pid(private) == before


def test_closing_ends_a_daemon_without_machines(bench: Bench, private: PrivateDaemon) -> None:
    bench.provider.delete(bench.shape().mark.domain)
    bench.provider.close()
    assert not private.answers()
    eventually(lambda: not processes_of(bench.home))
    assert not list(bench.home.libvirt.rglob("*.sock"))
    assert bench.provider.machines() == []  # and is usable again


def test_looking_at_an_untouched_home_starts_nothing(home: Home) -> None:
    if private_daemon(home) is None:
        pytest.skip("this user needs no daemon of its own")
    assert LibvirtProvider(home).machines() == []
    assert not home.libvirt.exists()


def test_a_home_with_a_long_path_works(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long-" * 20) / ("path-" * 10))
    shapes.lay_out(home, real=True)
    provider = LibvirtProvider(home)
    wanted = shapes.identify(shapes.shape(home, environment="an-environment-with-a-long-name-" + "x" * 20))
    provider.create(wanted)
    provider.start(wanted.mark.domain)
    assert [owned.power for owned in provider.machines()] == [Power.RUNNING]
    provider.delete(wanted.mark.domain)
    provider.close()
    assert not [link for link in Path(tmp_path.anchor, "tmp").glob("devbox-*") if home.root in link.parents]


def test_machines_of_another_home_are_neither_seen_nor_touched(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = bench.made()
    monkeypatch.setenv("DEVBOX_LIBVIRT_URI", LibvirtProvider(bench.home).uri)  # one daemon for both
    stranger = LibvirtProvider(Home(tmp_path))
    assert stranger.machines() == []
    stranger.delete(wanted.mark.domain)
    with pytest.raises(DevboxError, match="belongs to the devbox home"):
        stranger.kill(wanted.mark.domain)
    with pytest.raises(DevboxError) as failure:
        stranger.create(replace(wanted, disk=tmp_path / "disk.qcow2"))
    assert "another devbox home" in failure.value.advice
    assert bench.owned(wanted).mark == wanted.mark


def test_a_daemon_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVBOX_LIBVIRT_URI", "qemu:///session?socket=/nonexistent/socket")
    with pytest.raises(DevboxError, match="/nonexistent/socket"):
        LibvirtProvider(Home(tmp_path)).machines()


def test_a_port_that_another_program_has_is_named_with_the_program(bench: Bench) -> None:
    wanted = bench.made()
    taken = wanted.forwards[0]
    with socket.create_server((str(taken.address), taken.host)), pytest.raises(DevboxError) as failure:
        bench.provider.start(wanted.mark.domain)
    assert f"process {os.getpid()}" in failure.value.message
    assert f"port {taken.host} of {taken.address}" in failure.value.message


def test_a_port_that_only_the_privileged_may_have_is_named(bench: Bench) -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("this host lets everybody have port 80")
    wanted = bench.shape()
    bench.provider.create(replace(wanted, forwards=(shapes.forward(wanted.ip, 80, 80),)))
    with pytest.raises(DevboxError, match="privileged"):
        bench.provider.start(wanted.mark.domain)


def test_a_disk_that_is_gone_is_named(bench: Bench) -> None:
    wanted = bench.made()
    wanted.disk.unlink()
    with pytest.raises(DevboxError) as failure:
        bench.provider.start(wanted.mark.domain)
    assert str(wanted.disk) in failure.value.details


def test_a_qemu_that_was_killed_left_a_crashed_machine(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    os.kill(qemu_of(wanted.disk), signal.SIGKILL)
    eventually(lambda: bench.owned(wanted).power is Power.CRASHED)
    bench.provider.start(wanted.mark.domain)
    assert bench.owned(wanted).power is Power.RUNNING


def qemu_of(disk: Path) -> int:
    return next(
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if os.fsencode(disk) in (folder / "cmdline").read_bytes()
    )


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_a_disk_grows_and_never_shrinks(bench: Bench, running: bool) -> None:
    wanted = bench.made()
    if running:
        bench.provider.start(wanted.mark.domain)
    for size, then in (("96MiB", "96MiB"), ("48MiB", "96MiB")):
        bench.provider.create(replace(wanted, disk_size=Size.parse(size)))
        assert virtual_size(wanted.disk) == Size.parse(then)


def test_what_a_killed_run_left_of_a_disk_is_replaced(bench: Bench) -> None:
    wanted = bench.shape()
    overlay.staging(wanted.disk).write_bytes(b"half")
    bench.provider.create(wanted)
    assert virtual_size(wanted.disk) == wanted.disk_size
    assert not overlay.staging(wanted.disk).exists()
