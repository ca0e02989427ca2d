"""A connection to libvirt that opens itself when first used and survives the daemon's death."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.providers.libvirt import daemon

T = TypeVar("T")
_ATTEMPTS = 3  # an idle daemon may end between our look and our call
_PAUSE = 0.2


class Connection:
    """Calls into libvirt; threads may share it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._open: Any = None

    @cached_property
    def private(self) -> daemon.PrivateDaemon | None:
        return daemon.private_daemon(self._home)

    @property
    def uri(self) -> str:
        private = self.private
        return private.uri if private else os.environ.get(daemon.OVERRIDE) or daemon.SESSION

    @property
    def qemu_logs(self) -> Path:
        """Where QEMU's own words are kept."""
        if private := self.private:
            return private.qemu_logs
        cache = os.environ.get("XDG_CACHE_HOME")
        return (Path(cache) if cache else Path.home() / ".cache") / "libvirt" / "qemu" / "log"

    def outside(self, path: Path) -> Path:
        """Where a file of the daemon's lies for us; one of our own sees its files at another place."""
        private = self.private
        if private and path.is_relative_to(daemon.INSIDE):
            return private.files / path.relative_to(daemon.INSIDE)
        return path

    def call(self, work: Callable[[Any], T]) -> T:
        """Run ``work`` with the open connection; once more, with a new one, when the daemon died in it.

        So ``work`` must bear being run twice. libvirt's own error goes to the caller.
        """
        import libvirt

        for attempt in range(_ATTEMPTS):
            connection = self.open()
            try:
                return work(connection)
            except libvirt.libvirtError:
                if attempt + 1 == _ATTEMPTS or _alive(connection):
                    raise
                self._forget(connection)
        raise AssertionError("unreachable")

    def open(self) -> Any:
        with self._lock:
            if self._open is None:
                self._open = self._connect()
            return self._open

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                _close(self._open)
                self._open = None

    def _forget(self, connection: Any) -> None:
        with self._lock:
            if self._open is connection:
                _close(connection)
                self._open = None

    def _connect(self) -> Any:
        import libvirt

        libvirt.registerErrorHandler(_unheard, None)
        said = ""
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE * attempt)
            if private := self.private:
                private.ensure()
            try:
                return libvirt.open(self.uri)
            except libvirt.libvirtError as error:
                said = str(error)
        raise DevboxError(
            f"The libvirt daemon at '{self.uri}' cannot be reached.",
            details=said,
            advice="Run 'devbox doctor': it says what is missing and how to install it.",
        )


def _unheard(_context: object, _error: object) -> None:
    """Without it, each error is printed on the terminal, also those that we expect."""


def _alive(connection: Any) -> bool:
    import libvirt

    try:
        return bool(connection.isAlive() == 1)
    except libvirt.libvirtError:
        return False


def _close(connection: Any) -> None:
    import libvirt

    with contextlib.suppress(libvirt.libvirtError):
        connection.close()
