"""A toy SSH server inside the test process: commands are Python functions, files a folder's."""

from __future__ import annotations

import os
import shlex
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED, cMSG_CHANNEL_SUCCESS
from paramiko.sftp import SFTP_OK

from devbox.guest import keys

Command = Callable[[list[str], paramiko.Channel], int]


def echo(argv: list[str], channel: paramiko.Channel) -> int:
    channel.sendall("\n".join(argv[1:]).encode())
    return 0


def cat(argv: list[str], channel: paramiko.Channel) -> int:
    while data := channel.recv(65536):
        channel.sendall(data)
    return 0


def shout(argv: list[str], channel: paramiko.Channel) -> int:
    """So many bytes on both outputs, more than the window holds, without ever reading input."""
    for _ in range(int(argv[1]) // 30_000):
        channel.sendall(b"o" * 30_000)
        channel.sendall_stderr(b"e" * 30_000)
    return 3


def hang(argv: list[str], channel: paramiko.Channel) -> int:
    threading.Event().wait(5)
    return 0


def vanish(argv: list[str], channel: paramiko.Channel) -> int:
    channel.get_transport().close()
    return 0


COMMANDS: Mapping[str, Command] = {"echo": echo, "cat": cat, "shout": shout, "hang": hang, "vanish": vanish}


class Sshd(paramiko.ServerInterface):
    """Serves one connection on a given socket until its transport is closed."""

    def __init__(
        self,
        sock: socket.socket,
        host_key: Path,
        user_key: str,
        root: Path,
        lies: Mapping[str, str] | None = None,  # files that folders list under another name
    ) -> None:
        self.user_key = user_key.split()[1]
        self.transport = paramiko.Transport(sock)
        self.transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(str(host_key)))
        self.transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Folder, root=root, lies=lies or {})
        self.transport.start_server(event=threading.Event(), server=self)

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = username == "devbox" and key.get_base64() == self.user_key
        return AUTH_SUCCESSFUL if known else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        # paramiko answers only after this returns, when a quick command's end may have been sent already.
        reply = paramiko.Message()
        reply.add_byte(cMSG_CHANNEL_SUCCESS)
        reply.add_int(channel.remote_chanid)
        self.transport._send_user_message(reply)  # type: ignore[attr-defined]
        threading.Thread(target=self._serve, args=(channel, command.decode()), daemon=True).start()
        return True

    def _serve(self, channel: paramiko.Channel, command: str) -> None:
        argv = shlex.split(command)
        try:
            channel.send_exit_status(COMMANDS[argv[0]](argv, channel))
            channel.close()
        except (OSError, EOFError):
            return  # the client has left: paramiko says so in one way or the other


class Folder(paramiko.SFTPServerInterface):
    """The files of one folder, whose name takes the place of '/'."""

    def __init__(self, server: paramiko.ServerInterface, *, root: Path, lies: Mapping[str, str]) -> None:
        super().__init__(server)
        self.root, self.lies = root, lies

    def _real(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def list_folder(self, path: str) -> Any:
        return [self._lstat(entry) for entry in self._real(path).iterdir()]

    def _lstat(self, path: Path) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(path.lstat(), self.lies.get(path.name, path.name))

    def stat(self, path: str) -> Any:
        return self._try(lambda: paramiko.SFTPAttributes.from_stat(self._real(path).stat()))

    def lstat(self, path: str) -> Any:
        return self._try(lambda: self._lstat(self._real(path)))

    def open(self, path: str, flags: int, attr: Any) -> Any:
        def opened() -> paramiko.SFTPHandle:
            file = os.fdopen(os.open(self._real(path), flags, 0o666), "r+b" if flags & os.O_RDWR else mode)
            handle = paramiko.SFTPHandle(flags)
            handle.readfile = handle.writefile = file  # type: ignore[attr-defined]
            handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))  # type: ignore[method-assign]
            handle.chattr = lambda attr: self._mode(self._real(path), attr)  # type: ignore[method-assign]
            return handle

        mode = "wb" if flags & os.O_WRONLY else "rb"
        return self._try(opened)

    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._mode(self._real(path), attr)

    def _mode(self, path: Path, attr: paramiko.SFTPAttributes) -> int:
        if attr.st_mode is not None:
            path.chmod(attr.st_mode)
        return SFTP_OK

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._done(lambda: self._real(path).mkdir(attr.st_mode or 0o777))

    def remove(self, path: str) -> int:
        return self._done(lambda: self._real(path).unlink())

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        return self._done(lambda: self._real(oldpath).replace(self._real(newpath)))

    def symlink(self, target_path: str, path: str) -> int:
        return self._done(lambda: self._real(path).symlink_to(target_path))

    def readlink(self, path: str) -> Any:
        return self._try(lambda: str(self._real(path).readlink()))

    def _done(self, work: Callable[[], object]) -> int:
        def and_say_so() -> int:
            work()
            return SFTP_OK

        return int(self._try(and_say_so))

    def _try(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


def key_pair(folder: Path, name: str) -> keys.KeyPair:
    return keys.ensure(folder / name, name)
