"""Whether a machine that runs is what was asked for: its static address, its host name, its peers' names."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface

from devbox.errors import DevboxError
from devbox.guest.ssh import Session

_AGAIN = 0.3


@dataclass(frozen=True)
class Promise:
    """``hostname`` without domain; ``names`` are those of all machines of the environment."""

    hostname: str
    address: IPv4Interface
    names: Mapping[str, IPv4Address]


class PromiseBroken(DevboxError):
    """The machine runs, but not as it was asked for."""


def verify(session: Session, promise: Promise, timeout: float = 10.0) -> None:
    """Ask the machine itself; an address may come a moment later than sshd, so ask until ``timeout``.

    Raises PromiseBroken with everything that differs.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer = session.run(["sh", "-c", question(promise)], timeout=max(5.0, timeout))
        differences = compare(answer.stdout, promise)
        if not differences:
            return
        if time.monotonic() > deadline:
            raise PromiseBroken(
                f"'{session.endpoint.alias}' runs, but not with what devbox.yml says: {differences[0]}",
                details="\n".join(
                    [*differences[1:], "The machine's own words:", answer.stdout, answer.stderr]
                ),
                advice="See 'networkctl' in it; 'devbox reset' boots it anew.",
            )
        time.sleep(_AGAIN)


def question(promise: Promise) -> str:
    """One shell line, since each process costs where the machine is emulated."""
    names = shlex.join(sorted(promise.names))
    lookup = f"; getent hosts {names}" if names else ""
    return f"read name </proc/sys/kernel/hostname; echo hostname $name; ip -4 -o address show{lookup}"


def compare(answer: str, promise: Promise) -> list[str]:
    """What differs, as whole sentences; empty when all is well."""
    words = [line.split() for line in answer.splitlines() if line.strip()]
    hostname = next((line[1] for line in words if line[0] == "hostname" and len(line) > 1), "")
    addresses = [line[3] for line in words if len(line) > 3 and line[2] == "inet"]
    known = {(name, line[0]) for line in words for name in line[1:] if "." in line[0]}
    found: list[str] = []
    if str(promise.address) not in addresses:
        real = ", ".join(address for address in addresses if not address.startswith("127.")) or "none"
        found.append(f"its static address {promise.address} is missing (it has {real}).")
    if hostname != promise.hostname:
        found.append(f"its host name is '{hostname}' instead of '{promise.hostname}'.")
    found += [
        f"it does not know '{name}' as {address}."
        for name, address in sorted(promise.names.items())
        if (name, str(address)) not in known
    ]
    return found
