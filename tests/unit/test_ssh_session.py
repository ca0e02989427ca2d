"""Logging in only to the machine that was meant, and running commands there."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from sshd import Sshd, key_pair

from devbox.errors import DevboxError
from devbox.guest.keys import fingerprint
from devbox.guest.ssh import Endpoint, HostKeyDiffers, KeyRefused, NotReached, Session, SessionLost, connect

Dial = Callable[[], socket.socket]


@pytest.fixture
def endpoint(tmp_path: Path) -> Endpoint:
    key_pair(tmp_path, "user")
    host = key_pair(tmp_path, "host")
    return Endpoint(
        "api.g.devbox",
        IPv4Address("127.77.0.10"),
        2222,
        "devbox",
        tmp_path / "user",
        f"{host.public} comment",
    )


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """Connections to a server with the host's key that knows the user's."""
    key_pair(tmp_path, "host")
    with ExitStack() as cleanup:

        def connected() -> socket.socket:
            ours, theirs = socket.socketpair()
            server = Sshd(theirs, tmp_path / "host", key_pair(tmp_path, "user").public, tmp_path)
            cleanup.callback(server.transport.close)
            return ours

        yield connected


@pytest.fixture
def session(endpoint: Endpoint, dial: Dial) -> Iterator[Session]:
    with connect(endpoint, 20, dial()) as session:
        yield session


def test_another_host_key_is_never_accepted(endpoint: Endpoint, dial: Dial, tmp_path: Path) -> None:
    other = key_pair(tmp_path, "other").public
    with pytest.raises(HostKeyDiffers) as raised:
        connect(replace(endpoint, host_key=other), 20, dial())
    assert "'api.g.devbox'" in raised.value.message
    assert f"expected {fingerprint(other)}" in raised.value.details
    assert f"found    {fingerprint(endpoint.host_key)}" in raised.value.details
    assert "ss -ltnp" in raised.value.advice


def test_a_refused_key_names_user_and_key(endpoint: Endpoint, dial: Dial, tmp_path: Path) -> None:
    key_pair(tmp_path, "stranger")
    with pytest.raises(KeyRefused, match="'devbox'") as raised:
        connect(replace(endpoint, key=tmp_path / "stranger"), 20, dial())
    assert str(tmp_path / "stranger") in raised.value.message
    with pytest.raises(KeyRefused, match="'root'"):
        connect(replace(endpoint, user="root"), 20, dial())


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-Toy\r\n"])
def test_what_is_no_ssh_server_was_not_reached(endpoint: Endpoint, words: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(words)
    theirs.shutdown(socket.SHUT_WR)
    with theirs, pytest.raises(NotReached, match=r"127\.77\.0\.10:2222"):
        connect(endpoint, 2, ours)


def test_silence_ends_with_the_timeout(endpoint: Endpoint) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"SSH-2.0-Toy\r\n")
    with theirs, pytest.raises(NotReached):
        connect(endpoint, 0.3, ours)


def test_a_command_gets_its_words_as_they_are(session: Session) -> None:
    words = ["a b", "$HOME", "'", '"', "*", "", "ü\n", "-n", ";reboot"]
    result = session.run(["echo", *words])
    assert (result.status, result.stdout, result.stderr) == (0, "\n".join(words), "")


def test_input_output_errors_and_status_come_back(session: Session) -> None:
    assert session.run(["cat"], stdin=b"x" * 300_000).stdout == "x" * 300_000
    assert session.run(["cat"]).stdout == ""
    result = session.run(["shout", "30000"], stdin=b"never read")
    assert (result.status, result.stdout, result.stderr) == (3, "o" * 30000, "e" * 30000)


def test_more_output_than_any_window_holds(session: Session) -> None:
    result = session.run(["shout", "3000000"])
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)


def test_one_session_runs_commands_side_by_side(session: Session) -> None:
    answers: dict[str, str] = {}
    threads = [
        threading.Thread(
            target=lambda word=str(number): answers.update({word: session.run(["echo", word]).stdout})
        )
        for number in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {str(number): str(number) for number in range(5)}


def test_a_command_that_takes_too_long(session: Session) -> None:
    with pytest.raises(DevboxError, match=r"did not end within 0\.2 seconds") as raised:
        session.run(["hang"], timeout=0.2)
    assert raised.value.details == "$ hang"


def test_a_connection_that_breaks_is_no_exit_status(session: Session) -> None:
    with pytest.raises(SessionLost, match=r"'api\.g\.devbox' was lost"):
        session.run(["vanish"])
    with pytest.raises(SessionLost):
        session.run(["echo"])


def test_streams_are_passed_on_as_they_come(session: Session) -> None:
    """What was fed into a pipe comes back before the pipe is closed."""
    read, write = os.pipe()
    out = io.BytesIO()
    echoed = threading.Event()

    class Watched(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            echoed.set()
            return out.write(bytes(data))  # type: ignore[call-overload]

    def feed() -> None:
        os.write(write, b"first ")
        assert echoed.wait(10)
        os.write(write, b"second")
        os.close(write)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with os.fdopen(read, "rb") as stdin:
        status = session.execute(["cat"], stdin=stdin, stdout=Watched(), stderr=io.BytesIO())  # type: ignore[arg-type]
    feeder.join()
    assert (status, out.getvalue()) == (0, b"first second")


def test_a_command_that_ends_does_not_wait_for_its_input(session: Session) -> None:
    """An open terminal as standard input must not hold `devbox exec` back."""
    read, write = os.pipe()
    out = io.BytesIO()
    with os.fdopen(read, "rb") as stdin, os.fdopen(write, "wb"):
        assert session.execute(["echo", "done"], stdin=stdin, stdout=out, stderr=io.BytesIO()) == 0
    assert out.getvalue() == b"done"


def test_ctrl_c_goes_on_to_the_caller(session: Session) -> None:
    class Interrupting(io.BytesIO):
        def write(self, _: object) -> int:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.execute(["echo", "x"], stdin=None, stdout=Interrupting(), stderr=io.BytesIO())
    assert session.run(["echo", "still here"]).stdout == "still here"
