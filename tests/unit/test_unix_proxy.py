"""The way through an abstract Unix socket, in both its forms."""

from __future__ import annotations

import secrets
import shlex
import socket
import subprocess
from collections.abc import Iterator
from threading import Thread

import pytest

from devbox.guest.unix_proxy import dial, proxy_command

pytestmark = pytest.mark.integration


@pytest.fixture
def echo() -> Iterator[str]:
    """The name of a socket behind which everything comes back, until the other side says that it is done."""
    name = f"devbox-test-{secrets.token_hex(8)}"

    def serve() -> None:
        connection, _ = door.accept()
        with connection:
            while data := connection.recv(1 << 16):
                connection.sendall(data)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.bind(f"\0{name}")
        door.listen()
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield name
        thread.join(10)


def test_a_connection_of_our_own(echo: str) -> None:
    with dial(echo, timeout=10) as connection:
        connection.sendall(b"hello")
        assert connection.recv(5) == b"hello"


def test_the_program_passes_everything_on_and_ends_with_its_input(echo: str) -> None:
    sent = bytes(range(256)) * 4096
    argv = shlex.split(proxy_command(echo))
    done = subprocess.run(argv, input=sent, capture_output=True, timeout=60, check=True)
    assert done.stdout == sent


def test_nobody_there_is_an_error() -> None:
    with pytest.raises(OSError, match="refused"):
        dial("devbox-test-nobody", timeout=1)
