"""The way to an sshd behind an abstract Unix socket: for us, and as a program for OpenSSH's ProxyCommand."""

from __future__ import annotations

import os
import shlex
import socket
import sys
from threading import Thread


def dial(name: str, timeout: float | None = None) -> socket.socket:
    """A connection to the abstract socket ``name``; OSError where nobody listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(f"\0{name}")
    except OSError:
        connection.close()
        raise
    return connection


def proxy_command(name: str) -> str:
    """What OpenSSH runs through a shell in the place of a connection; it expands '%' itself."""
    return shlex.join([sys.executable, "-I", "-S", __file__, name]).replace("%", "%%")


def main(name: str) -> int:
    """Pass standard input and output through until either side closes."""
    with dial(name) as connection:
        Thread(target=_inwards, args=(connection,), daemon=True).start()
        while data := connection.recv(1 << 16):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    return 0


def _inwards(connection: socket.socket) -> None:
    while data := os.read(sys.stdin.fileno(), 1 << 16):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
