"""The line to a machine's agent: a virtio serial port, so it needs no network, no key and no login."""

from __future__ import annotations

import base64
import json
import os
import secrets
import socket
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from devbox.errors import DevboxError
from devbox.guest.identity import Identity, identity_files, nics, variables

_SEED = 64  # bytes
_OFF = 0.05  # seconds that a clock may differ before it is put right
_ANSWER = 60.0
_AGAIN = 0.05
_LOOK_EVERY = 1.0


class AgentFailed(DevboxError):
    """The machine's agent did not answer, or could not do what it was asked."""


class Line:
    """An open line; requests are answered one after the other."""

    def __init__(self, path: Path, name: str, timeout: float = 10.0) -> None:
        self._name = name
        self._socket = _open(path, name, timeout)
        self._unread = b""
        self._alive: Callable[[], None] = lambda: None

    def rest(self, timeout: float, alive: Callable[[], None] = lambda: None) -> list[str]:
        """Wait until the boot is over and nothing is left to do; the names of units that failed.

        Those that are still at work after half the time are named too, and no longer waited for.
        ``alive`` is called every second or so and raises when waiting makes no sense any more.
        """
        self._alive = alive
        answer = self._ask("rest", timeout, patience=timeout / 2)
        return [*answer["failed"], *(f"{unit} (at work)" for unit in answer["jobs"])]

    def become(self, identity: Identity) -> bool:
        """Let a clone take over an identity, with random numbers and the time of its own.

        True where its sshd starts anew for that and can't be reached for a moment.
        """
        answer = self._ask(
            "become",
            clock=time.time(),
            seed=_seed(),
            name=identity.name,
            files=identity_files(identity),
            nics=nics(identity),
            variables=[f"{name}={value}" for name, value in variables(identity).items()],
            boot_id=str(uuid.uuid4()),
        )
        self._put_clock_right()
        return bool(answer.get("sshd_restarts", True))

    def wake(self) -> None:
        """What a machine needs that was frozen and stays itself: the time and new random numbers."""
        self._ask("wake", clock=time.time(), seed=_seed())
        self._put_clock_right()

    def _put_clock_right(self) -> None:
        """The machine may have read what the time was a moment later; now it only takes a question."""
        asked = time.time()
        answer = self._ask("clock", behind=0.0)
        behind = (asked + time.time()) / 2 - answer["clock"]
        if abs(behind) > _OFF:
            self._ask("clock", behind=behind)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, what: str, timeout: float = _ANSWER, **values: Any) -> dict[str, Any]:
        number = secrets.token_hex(4)
        # The first line end closes what a killed process may have left half-said.
        request = b"\n" + json.dumps({"id": number, "do": what, **values}).encode() + b"\n"
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(request)
            deadline = time.monotonic() + timeout
            answer = self._answer(deadline)
            while answer.get("id") != number:  # it was for somebody who did not wait
                if time.monotonic() > deadline:
                    raise TimeoutError("it only answers others")
                answer = self._answer(deadline)
        except OSError as error:
            raise AgentFailed(
                f"The agent of '{self._name}' does not answer.",
                details=f"{what}: {error}",
                advice="Run the command again with --cold, which boots instead.",
            ) from error
        if "error" in answer:
            raise AgentFailed(
                f"The agent of '{self._name}' failed in '{what}'.",
                details=answer["error"],
                advice="'devbox reset --cold' boots the machine anew.",
            )
        return answer

    def _answer(self, deadline: float) -> dict[str, Any]:
        while b"\n" not in self._unread:
            self._socket.settimeout(max(0.001, min(_LOOK_EVERY, deadline - time.monotonic())))
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                self._alive()
                if time.monotonic() > deadline:
                    raise
                continue
            if not data:
                raise ConnectionResetError("the line was closed")
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        try:
            found = json.loads(line)
        except ValueError:
            return {}  # the rest of what somebody else was told
        return found if isinstance(found, dict) else {}


def _seed() -> str:
    return base64.b64encode(secrets.token_bytes(_SEED)).decode()


def _open(path: Path, name: str, timeout: float) -> socket.socket:
    """Connect by a path that fits into a socket's address, however deep the folder lies."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return _connected(path)
        except OSError as error:
            if time.monotonic() > deadline:
                raise AgentFailed(
                    f"The line to the agent of '{name}' can't be opened.",
                    details=f"{path}: {error}",
                    advice="'devbox status' tells whether it runs; 'devbox stop' and 'devbox start' boot it.",
                ) from error
        time.sleep(_AGAIN)


def _connected(path: Path) -> socket.socket:
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(f"/proc/self/fd/{folder}/{path.name}")
    except BaseException:
        line.close()
        raise
    finally:
        os.close(folder)
    return line
