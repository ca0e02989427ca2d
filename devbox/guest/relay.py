"""Passing a remote command's input and output on while it runs."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    import paramiko

_CHUNK = 1 << 16
_GRACE = 0.7  # seconds that a command has to end after Ctrl-C


def relay(
    channel: paramiko.Channel,
    stdin: BinaryIO | None,
    stdout: BinaryIO,
    stderr: BinaryIO,
    timeout: float | None,
) -> int:
    """Pump until the command has ended and all it wrote was passed on; return its exit status.

    The status is -1 where a signal killed the command. At Ctrl-C the command is interrupted too.
    Raises TimeoutError after ``timeout`` seconds, EOFError when the connection ends early.
    """
    with _feeding(channel, stdin):
        try:
            _drain(channel, stdout, stderr, timeout)
        except KeyboardInterrupt:
            signal(channel, "INT")
            try:
                _drain(channel, stdout, stderr, _GRACE)
            except TimeoutError:
                signal(channel, "KILL")
            raise
    status = channel.recv_exit_status()
    if status < 0 and not channel.get_transport().is_active():
        raise EOFError("The connection ended before the command did.")
    return status


def signal(channel: paramiko.Channel, name: str) -> None:
    """Send a signal to the remote command (RFC 4254, section 6.9); paramiko has no call for it."""
    from paramiko.common import cMSG_CHANNEL_REQUEST
    from paramiko.message import Message

    message = Message()
    message.add_byte(cMSG_CHANNEL_REQUEST)
    message.add_int(channel.remote_chanid)
    message.add_string("signal")
    message.add_boolean(False)
    message.add_string(name)
    channel.get_transport()._send_user_message(message)  # type: ignore[attr-defined]  # noqa: SLF001


def _drain(channel: paramiko.Channel, stdout: BinaryIO, stderr: BinaryIO, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    readable = channel.fileno()
    while True:
        # Asked before reading: what came in between is read in the next round.
        over = channel.closed or (channel.eof_received and channel.exit_status_ready())
        moved = False
        while channel.recv_ready():
            _write(stdout, channel.recv(_CHUNK))
            moved = True
        while channel.recv_stderr_ready():
            _write(stderr, channel.recv_stderr(_CHUNK))
            moved = True
        if over and not moved:
            return
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
        if not moved:
            select.select([readable], [], [], 0.1)


def _write(target: BinaryIO, data: bytes) -> None:
    target.write(data)
    target.flush()


@contextmanager
def _feeding(channel: paramiko.Channel, stdin: BinaryIO | None) -> Iterator[None]:
    """Send ``stdin`` from a thread of its own, which ends with the command even if input is left.

    A send waits for the other side's window: done in the reading loop, two full pipes would wait
    for each other.
    """
    if stdin is None:
        channel.shutdown_write()
        yield
        return
    stop, stopping = os.pipe()
    feeder = threading.Thread(target=_feed, args=(channel, stdin, stop), daemon=True)
    feeder.start()
    try:
        yield
    finally:
        os.write(stopping, b".")
        feeder.join(0.3)
        os.close(stopping)
        if not feeder.is_alive():
            os.close(stop)


def _feed(channel: paramiko.Channel, stdin: BinaryIO, stop: int) -> None:
    try:
        while data := _next(stdin, stop):
            channel.sendall(data)
        channel.shutdown_write()
    except OSError:
        pass  # the command ended without reading all of its input, as in `head -1`


def _next(stdin: BinaryIO, stop: int) -> bytes:
    try:
        source = stdin.fileno()
    except (OSError, ValueError):
        return stdin.read(_CHUNK)  # in memory
    ready, _, _ = select.select([source, stop], [], [])
    return b"" if stop in ready else os.read(source, _CHUNK)
