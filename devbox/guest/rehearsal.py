"""The first login of a machine that was cloned, up to the point where it would be granted.

Emulated code is slow when it runs for the first time in a machine, and most of what sshd does for a
login runs before it knows who comes. So devbox knocks while the machine is still told who it is.
"""

from __future__ import annotations

import contextlib
import threading

from devbox import process
from devbox.errors import DevboxError
from devbox.guest.knocking import Knocking
from devbox.guest.ssh import Endpoint

_GREETING = 20.0  # seconds until sshd says something
_REHEARSAL = 10.0


def greeted(endpoint: Endpoint) -> bool:
    """Whether sshd says hello."""
    with Knocking(endpoint) as knocking:
        greeting = knocking.listen(_GREETING)
        if greeting is not None:
            greeting.close()
    return greeting is not None


class Rehearsal:
    """Goes on by itself, and ends with devbox at the latest."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._over = threading.Event()
        self._greeted = False
        threading.Thread(target=self._run, daemon=True).start()

    def greeted(self) -> bool:
        """Whether sshd said hello; waits until that is known."""
        self._over.wait(_GREETING + 1)
        return self._greeted

    def _run(self) -> None:
        try:
            self._greeted = greeted(self._endpoint)
        finally:
            self._over.set()
        if self._greeted:
            with contextlib.suppress(DevboxError):
                process.run(process.tethered(_knock(self._endpoint)), timeout=_REHEARSAL)


def _knock(endpoint: Endpoint) -> list[str]:
    """Ask whether the public key would do. Nothing secret is used, so it does not matter who answers."""
    options = {
        "BatchMode": "yes",
        "HostKeyAlgorithms": "ssh-ed25519",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "PreferredAuthentications": "publickey",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    place = [
        "-i",
        f"{endpoint.key}.pub",
        "-p",
        str(endpoint.port),
        "-l",
        endpoint.user,
        str(endpoint.address),
    ]
    return ["ssh", "-F", "none", *words, *place, "true"]
