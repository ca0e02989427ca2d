"""Waiting for an SSH server's first words on a port that accepts connections before the machine does."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from devbox.guest.diagnosis import Answer
from devbox.guest.ssh import Endpoint

_AGAIN = 0.1  # seconds until the next try after a refusal
_OVERLAP = 0.7  # a try that stays silent so long gets a successor: QEMU repeats a lost SYN too seldom
_MOST = 4
_GIVE_UP = 10.0


class Knocking:
    """Connections to one endpoint, of which the first that shows an SSH banner is kept."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._tries: dict[socket.socket, float] = {}
        self._next = 0.0
        self.answer = Answer.UNTRIED

    def listen(self, seconds: float) -> socket.socket | None:
        """Wait up to ``seconds`` for a banner; the connection that has it is the caller's, unread."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            if now >= self._next and len(self._tries) < _MOST:
                self._knock(now)
            self._drop(now - _GIVE_UP)
            wait = max(0.0, min(end, self._next if len(self._tries) < _MOST else end) - now)
            if not self._tries:
                time.sleep(wait)
                continue
            for ready in select.select([*self._tries], [], [], wait)[0]:
                if self._heard(ready):
                    del self._tries[ready]
                    self.close()
                    return ready
        return None

    def close(self) -> None:
        self._drop(float("inf"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _knock(self, now: float) -> None:
        try:
            sock = socket.create_connection((str(self._endpoint.address), self._endpoint.port), timeout=1)
        except OSError:
            self.answer = Answer.REFUSED
            self._next = now + _AGAIN
            return
        if self.answer in (Answer.UNTRIED, Answer.REFUSED):
            self.answer = Answer.SILENT
        self._tries[sock] = now
        self._next = now + _OVERLAP

    def _heard(self, sock: socket.socket) -> bool:
        """Whether a banner came; a connection that was closed is forgotten."""
        words = b""
        with suppress(OSError):
            words = sock.recv(255, socket.MSG_PEEK)
        if words.startswith(b"SSH-"):
            self.answer = Answer.BANNER
            return True
        self.answer = Answer.CLOSED
        self._tries.pop(sock)
        sock.close()
        self._next = time.monotonic() + _AGAIN
        return False

    def _drop(self, before: float) -> None:
        for sock in [sock for sock, since in self._tries.items() if since < before]:
            del self._tries[sock]
            sock.close()
