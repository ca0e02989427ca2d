"""Waiting for machines that behave in all the ways they do; the machine is a listener on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from sshd import Sshd, key_pair

from devbox.guest.ready import NotReady, Probe, wait_ready
from devbox.guest.ssh import Endpoint
from devbox.guest.symptoms import Stage
from devbox.providers import Power

pytestmark = pytest.mark.integration

Behaviour = Callable[[socket.socket], None]


@dataclass
class Machine:
    """Its port is open from the start, as QEMU's is; each connection gets the next behaviour."""

    folder: Path
    listener: socket.socket
    power: Power = Power.RUNNING
    console: str = ""
    last_words: str = ""
    host_key: str = "host"
    told: list[str] = field(default_factory=list)
    kept: list[object] = field(default_factory=list)

    def behave(self, *behaviours: Behaviour) -> None:
        """The last behaviour goes on for ever."""

        def serve() -> None:
            remaining = list(behaviours)
            while True:
                try:
                    sock, _ = self.listener.accept()
                except OSError:
                    return
                (remaining.pop(0) if len(remaining) > 1 else remaining[0])(sock)

        threading.Thread(target=serve, daemon=True).start()

    def silent(self, sock: socket.socket) -> None:
        self.kept.append(sock)

    def closing(self, sock: socket.socket) -> None:
        sock.close()

    def serving(self, sock: socket.socket) -> None:
        user = key_pair(self.folder, "user").public
        self.kept.append(Sshd(sock, self.folder / self.host_key, user, self.folder))

    def stuck(self, sock: socket.socket) -> None:
        sock.sendall(b"SSH-2.0-Stuck\r\n")
        self.kept.append(sock)

    @property
    def endpoint(self) -> Endpoint:
        key_pair(self.folder, "user")
        public = key_pair(self.folder, "host").public
        port = self.listener.getsockname()[1]
        return Endpoint(
            "api.g.devbox", IPv4Address("127.0.0.1"), port, "devbox", self.folder / "user", public
        )

    @property
    def probe(self) -> Probe:
        return Probe(lambda: self.power, lambda: self.console, lambda: self.last_words)

    def fails(self, timeout: float) -> NotReady:
        with pytest.raises(NotReady) as raised:
            wait_ready(self.endpoint, self.probe, timeout, self.told.append)
        return raised.value


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    listener = socket.create_server(("127.0.0.1", 0))
    machine = Machine(tmp_path, listener)
    key_pair(tmp_path, "host")
    yield machine
    listener.close()
    for kept in machine.kept:
        (kept.transport if isinstance(kept, Sshd) else kept).close()  # type: ignore[attr-defined]


def test_silence_and_refusals_are_followed_by_a_session(machine: Machine) -> None:
    machine.behave(machine.silent, machine.closing, machine.closing, machine.serving)
    with wait_ready(machine.endpoint, machine.probe, 60, machine.told.append) as session:
        assert session.run(["echo", "ready"]).stdout == "ready"
    assert machine.told[0].startswith("It is still booting")
    assert len(machine.told) == len(set(machine.told))


def test_a_silent_connection_gets_a_successor_and_may_still_win(machine: Machine) -> None:
    """QEMU holds what it accepted until the guest is there: the first one may answer after the second."""
    slow: list[socket.socket] = []
    machine.behave(slow.append, lambda second: machine.serving(slow.pop()), machine.silent)
    with wait_ready(machine.endpoint, machine.probe, 60, machine.told.append) as session:
        assert session.run(["echo", "x"]).status == 0


def test_a_kernel_panic_ends_the_waiting(machine: Machine) -> None:
    machine.behave(machine.silent)
    machine.console = "one\r\n\x1b[31mKernel panic - not syncing: Attempted to kill init!\r\n"
    error = machine.fails(600)
    assert error.diagnosis.stage is Stage.PANIC
    assert "'api.g.devbox'" in error.message
    assert "Attempted to kill init!" in error.message
    assert error.details.endswith("one\nKernel panic - not syncing: Attempted to kill init!")
    assert "\x1b" not in error.details
    assert error.advice


def test_qemus_death_ends_the_waiting_with_its_words(machine: Machine) -> None:
    machine.listener.close()
    endpoint_port_is_dead = Endpoint(
        "api.g.devbox", IPv4Address("127.0.0.1"), 1, "devbox", machine.folder / "user", "ssh-ed25519 AAAA"
    )
    machine.power, machine.last_words = Power.CRASHED, "qemu: Could not set up host forwarding rule 'x'\n"
    with pytest.raises(NotReady, match="Could not set up host forwarding rule") as raised:
        wait_ready(endpoint_port_is_dead, machine.probe, 600, machine.told.append)
    assert raised.value.diagnosis.stage is Stage.DIED
    assert "its port: refused" in raised.value.details
    assert "Its console is empty." in raised.value.details


def test_another_host_key_ends_the_waiting(machine: Machine) -> None:
    key_pair(machine.folder, "other")
    machine.host_key = "other"
    machine.behave(machine.serving)
    error = machine.fails(600)
    assert error.diagnosis.stage is Stage.HOST_KEY
    assert "expected SHA256:" in error.details
    assert "found    SHA256:" in error.details


def test_the_time_out_says_what_was_missing(machine: Machine) -> None:
    machine.behave(machine.closing)
    machine.console = "api login: "
    error = machine.fails(1)
    assert error.diagnosis.stage is Stage.NO_SSHD
    assert "is not ready after 1 s." in error.message
    assert machine.told[-1] == "waiting for sshd"


def test_a_login_that_hangs_is_no_network_problem(machine: Machine) -> None:
    machine.behave(machine.stuck)
    assert machine.fails(1).diagnosis.stage is Stage.HANDSHAKE
