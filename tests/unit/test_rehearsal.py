"""The login before the first one, against a server that speaks SSH."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import paramiko
import pytest
from sshd import Sshd, key_pair

from devbox.guest.rehearsal import Rehearsal
from devbox.guest.ssh import Endpoint

pytestmark = pytest.mark.integration


class Door:
    """Takes one connection after the other and remembers which keys it was shown."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shown: list[str] = []
        self.servers: list[Sshd] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        door = self

        class Remembering(Sshd):
            def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
                door.shown.append(key.get_base64())
                return super().check_auth_publickey(username, key)

        public = key_pair(self.folder, "user").public
        while True:
            try:
                taken, _ = self.listener.accept()
                self.servers.append(Remembering(taken, self.folder / "host", public, self.folder))
            except (OSError, EOFError, paramiko.SSHException):
                if self.listener.fileno() < 0:
                    return


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    key_pair(tmp_path, "host")
    door = Door(tmp_path)
    yield door
    door.listener.close()
    for server in door.servers:
        server.transport.close()


def endpoint(door: Door, port: int) -> Endpoint:
    key = key_pair(door.folder, "user")
    (door.folder / "user.pub").write_text(f"{key.public}\n")
    return Endpoint("one", IPv4Address("127.0.0.1"), port, "devbox", door.folder / "user", key.public)


def test_the_key_is_shown_and_never_used(door: Door) -> None:
    assert Rehearsal(endpoint(door, door.port)).greeted()
    deadline = time.monotonic() + 20
    while not door.shown:
        assert time.monotonic() < deadline, "nobody asked whether the key would do"
        time.sleep(0.05)
    assert door.shown == [key_pair(door.folder, "user").public.split()[1]]
    time.sleep(0.2)
    assert not any(server.transport.is_authenticated() for server in door.servers)


def test_who_is_silent_was_not_heard(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devbox.guest.rehearsal._GREETING", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        assert not Rehearsal(endpoint(door, mute.getsockname()[1])).greeted()
