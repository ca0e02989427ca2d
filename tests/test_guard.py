"""The guard itself: what a unit test may not do, and that nothing on the way can hide it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess

import pytest

from devbox import process

FORBIDDEN = r"a unit test must not do '{}'"


def test_a_process_is_forbidden() -> None:
    with pytest.raises(BaseException, match=FORBIDDEN.format("subprocess.Popen")):
        subprocess.run(["true"], check=False)


def test_the_programs_door_is_forbidden_too() -> None:
    with pytest.raises(BaseException, match=FORBIDDEN.format("subprocess.Popen")):
        process.run(["true"])


def test_a_fork_is_forbidden() -> None:
    with pytest.raises(BaseException, match=FORBIDDEN.format("os.fork")):
        os.fork()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_connection_is_forbidden(family: socket.AddressFamily) -> None:
    address = ("127.0.0.1", 9) if family == socket.AF_INET else "/nonexistent"
    with (
        socket.socket(family) as connection,
        pytest.raises(BaseException, match=FORBIDDEN.format("socket.connect")),
    ):
        connection.connect(address)


def test_listening_is_forbidden() -> None:
    with (
        socket.socket() as listener,
        pytest.raises(BaseException, match=FORBIDDEN.format("socket.bind")),
    ):
        listener.bind(("127.0.0.1", 0))


def test_it_cannot_be_swallowed() -> None:
    with (
        pytest.raises(BaseException, match=FORBIDDEN.format("subprocess.Popen")),
        contextlib.suppress(Exception),
    ):
        subprocess.run(["true"], check=False)


@pytest.mark.integration
def test_a_marked_test_may() -> None:
    assert subprocess.run(["true"], check=False).returncode == 0
