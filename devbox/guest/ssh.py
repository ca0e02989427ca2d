"""Sessions to machines whose host keys are known beforehand, and commands in them."""

from __future__ import annotations

import io
import logging
import shlex
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from devbox.errors import DevboxError
from devbox.guest import unix_proxy
from devbox.guest.console import tail
from devbox.guest.keys import fingerprint
from devbox.guest.relay import relay

if TYPE_CHECKING:  # paramiko takes a noticeable part of a second to import
    import paramiko

# Chosen for speed where the guest's processor is emulated: the larger hybrid exchanges cost there.
_KEX = ("curve25519-sha256@libssh.org", "curve25519-sha256", "mlkem768x25519-sha256")
_CIPHERS = ("aes128-gcm@openssh.com", "aes128-ctr", "aes256-gcm@openssh.com", "aes256-ctr")
_KEY_TYPE = "ssh-ed25519"


@dataclass(frozen=True)
class Endpoint:
    """Where a machine's sshd is reached and how both sides prove who they are.

    ``host_key`` is the public key's line (``ssh-ed25519 AAAA…``) that the machine must have. ``socket``
    names an abstract Unix socket of this host, which is then reached instead of address and port.
    """

    alias: str
    address: IPv4Address
    port: int
    user: str
    key: Path
    host_key: str
    socket: str = ""

    @property
    def place(self) -> str:
        """Where it is reached, for people."""
        return f"the socket '@{self.socket}'" if self.socket else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Result:
    """How a command ended; ``status`` is -1 where the machine did not tell (killed by a signal)."""

    status: int
    stdout: str
    stderr: str


class NotReached(DevboxError):
    """No SSH server answered, or the connection broke before it was usable."""


class HostKeyDiffers(DevboxError):
    """Something else than our machine answered; never accepted."""


class KeyRefused(DevboxError):
    """The machine is ours but does not let the user in."""


class SessionLost(DevboxError):
    """The connection broke while it was in use."""


def connect(endpoint: Endpoint, timeout: float, sock: socket.socket | None = None) -> Session:
    """Log in, or raise NotReached, HostKeyDiffers or KeyRefused within ``timeout`` seconds.

    ``sock`` is a connection that is open already. No agent, no other key, no configuration file
    has a say.
    """
    import paramiko

    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)  # what fails is raised, once
    deadline = time.monotonic() + timeout
    transport = _transport(sock or _dial(endpoint, timeout), timeout)
    try:
        transport.start_client(timeout=timeout)
        _check_host_key(endpoint, transport)
        transport.auth_timeout = max(0.1, deadline - time.monotonic())
        _authenticate(endpoint, transport)
    except DevboxError:
        transport.close()
        raise
    except (paramiko.SSHException, OSError, EOFError) as error:
        transport.close()
        raise _not_reached(endpoint, str(error) or "The connection was closed.") from error
    except BaseException:
        transport.close()
        raise
    return Session(endpoint, transport)


class Session:
    """An open connection to a machine; commands and copies share it."""

    def __init__(self, endpoint: Endpoint, transport: paramiko.Transport) -> None:
        self.endpoint = endpoint
        self.transport = transport

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float | None = None) -> Result:
        """Run a command to its end; its status is the caller's to judge.

        Raises DevboxError when it takes longer than ``timeout`` seconds, SessionLost when the
        connection breaks.
        """
        out, err = io.BytesIO(), io.BytesIO()
        status = self._execute(argv, io.BytesIO(stdin) if stdin else None, out, err, timeout)
        return Result(
            status, out.getvalue().decode(errors="replace"), err.getvalue().decode(errors="replace")
        )

    def execute(
        self, argv: Sequence[str], *, stdin: BinaryIO | None, stdout: BinaryIO, stderr: BinaryIO
    ) -> int:
        """Run a command, pass its input and output on as they come, return its exit status.

        At Ctrl-C the command gets the signal as well, then KeyboardInterrupt goes on.
        """
        return self._execute(argv, stdin, stdout, stderr, None)

    def _execute(
        self,
        argv: Sequence[str],
        stdin: BinaryIO | None,
        stdout: BinaryIO,
        stderr: BinaryIO,
        timeout: float | None,
    ) -> int:
        import paramiko

        command = shlex.join(argv)
        try:
            with self.transport.open_session(timeout=timeout) as channel:
                channel.exec_command(command)
                return relay(channel, stdin, stdout, stderr, timeout)
        except TimeoutError as error:
            raise DevboxError(
                f"A command on '{self.endpoint.alias}' did not end within {timeout:g} seconds.",
                details=f"$ {command}",
            ) from error
        except (paramiko.SSHException, EOFError) as error:
            raise lost(self.endpoint, str(error), command) from error

    def close(self) -> None:
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def lost(endpoint: Endpoint, why: str, doing: str) -> SessionLost:
    return SessionLost(
        f"The connection to '{endpoint.alias}' was lost.",
        details=f"$ {doing}\n{why}",
        advice="See 'devbox status' and 'devbox console'.",
    )


def _dial(endpoint: Endpoint, timeout: float) -> socket.socket:
    try:
        if endpoint.socket:
            return unix_proxy.dial(endpoint.socket, timeout)
        return socket.create_connection((str(endpoint.address), endpoint.port), timeout=timeout)
    except OSError as error:
        raise _not_reached(endpoint, str(error)) from error


def _transport(sock: socket.socket, timeout: float) -> paramiko.Transport:
    import paramiko

    with suppress(OSError):  # a socket of another family knows no Nagle
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock)
    options = transport.get_security_options()
    options.kex = [name for name in _KEX if name in options.kex]
    options.ciphers = [name for name in _CIPHERS if name in options.ciphers]
    options.key_types = [_KEY_TYPE]
    transport.banner_timeout = transport.handshake_timeout = timeout
    transport.set_keepalive(15)  # so that a machine that vanished is noticed
    return transport


def _check_host_key(endpoint: Endpoint, transport: paramiko.Transport) -> None:
    shown = transport.get_remote_server_key()
    if f"{shown.get_name()} {shown.get_base64()}" == " ".join(endpoint.host_key.split()[:2]):
        return
    found = fingerprint(f"{shown.get_name()} {shown.get_base64()}")
    raise HostKeyDiffers(
        f"The server at {endpoint.place} is not '{endpoint.alias}': its host key differs.",
        details=f"expected {fingerprint(endpoint.host_key)}\nfound    {found}",
        advice=f"See what listens there with 'ss -ltnp sport = :{endpoint.port}'; "
        "a machine whose own key was changed is replaced by 'devbox destroy' and 'devbox up'.",
    )


def _authenticate(endpoint: Endpoint, transport: paramiko.Transport) -> None:
    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(str(endpoint.key))
    try:
        transport.auth_publickey(endpoint.user, key)
    except paramiko.AuthenticationException as error:
        banner = tail((transport.get_banner() or b"").decode(errors="replace"))
        raise KeyRefused(
            f"'{endpoint.alias}' refuses the key '{endpoint.key}' of the user '{endpoint.user}'.",
            details="\n".join(filter(None, [str(error), banner])),
            advice="If its authorized_keys were changed, 'devbox destroy' and 'devbox up' make it anew.",
        ) from error


def _not_reached(endpoint: Endpoint, why: str) -> NotReached:
    return NotReached(
        f"'{endpoint.alias}' does not answer over SSH at {endpoint.place}.",
        details=why,
        advice="See 'devbox status' and 'devbox console'.",
    )
