"""Fake machines with an agent: the guest's end of the line, scripted."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from shelves import write_disk

from devbox.providers import Capabilities, Shape
from devbox.providers.fake import Before, FakeProvider, nothing_happens

Request = Mapping[str, Any]
# What to send back, one after the other; None hangs up.
Said = Iterable[Mapping[str, Any] | bytes] | None
Respond = Callable[[Request], Said]


def answer(request: Request, **values: Any) -> dict[str, Any]:
    return {"id": request["id"], "clock": time.time(), **values}


def obey(request: Request) -> Said:
    """An agent to which everything succeeds."""
    return [answer(request, failed=[], jobs=[])]


class Heard:
    """In a rehearsal's place: what sshd said is known at once."""

    def __init__(self, heard: bool) -> None:
        self._heard = heard

    def greeted(self) -> bool:
        return self._heard


class Agent:
    """Serves a socket as a machine's hypervisor does: one that is connected at a time."""

    def __init__(self, path: Path, respond: Respond = obey) -> None:
        self.asked: list[dict[str, Any]] = []
        self.respond = respond
        self._listener = _listen(path)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def done(self) -> list[str]:
        return [request["do"] for request in self.asked]

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # it was closed
            with connection, connection.makefile("rb") as lines:
                self._talk(connection, lines)

    def _talk(self, connection: socket.socket, lines: Any) -> None:
        for line in filter(bytes.strip, lines):
            request = json.loads(line)
            self.asked.append(request)
            said = self.respond(request)
            if said is None:
                return
            for one in said:
                try:
                    connection.sendall(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n")
                except OSError:
                    return  # nobody waited


def _listen(path: Path) -> socket.socket:
    """Bind by a path that is short enough, however deep the folder lies."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        listener.listen()
    finally:
        os.close(folder)
    return listener


class Talking(FakeProvider):
    """Can freeze machines, which have an agent each and disks that say what they stand on."""

    def __init__(
        self, file: Path | None = None, before: Before = nothing_happens, respond: Respond = obey
    ) -> None:
        super().__init__(file, before)
        self.respond = respond
        self.agents: dict[str, Agent] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("fake", freezing=True)

    def create(self, shape: Shape) -> None:
        there = shape.disk.exists()
        super().create(shape)
        if not there:
            write_disk(shape.disk, shape.base)

    def renew(self, shape: Shape) -> None:
        super().renew(shape)
        write_disk(shape.disk, shape.base)

    def line(self, name: str) -> Path:
        path = super().line(name)
        if name not in self.agents or not path.exists():
            if name in self.agents:
                self.agents.pop(name).close()
            self.agents[name] = Agent(path, self.respond)
        return path

    def delete(self, name: str) -> None:
        if agent := self.agents.pop(name, None):
            agent.close()
            super().line(name).unlink(missing_ok=True)
        super().delete(name)

    def hang_up(self) -> None:
        """End all agents; a test owes this."""
        for agent in self.agents.values():
            agent.close()
