#!/usr/bin/python3 -IS
"""The machine's end of its line to the host, a virtio serial port that nobody else can reach.

The host asks one JSON line at a time and gets one back. Under emulation each process that is started
and each module that is loaded costs a tenth of a second, so everything here is done by this one.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PORT = "devbox"
ANYWHERE = "0.0.0.0"  # noqa: S104 - a route's destination
QUIET = 4.0  # seconds after which a clone's first visitor has been let in
HOOKS = Path("/etc/devbox/cloned.d")
RANDOM_ADD, RANDOM_RESEED = 0x40085203, 0x5207  # RNDADDENTROPY and RNDRESEEDCRNG, random(4)
# netdevice(7) and route(7)
SET_FLAGS, SET_ADDRESS, SET_BROADCAST, SET_MASK, SET_MAC, ADD_ROUTE = (
    *(0x8914, 0x8916, 0x891A, 0x891C, 0x8924, 0x890B),
)
IS_UP, IS_RUNNING, ROUTE_UP, ROUTE_GATEWAY, ETHERNET, BIND = 0x1, 0x40, 0x1, 0x2, 1, 4096


class Line:
    """Requests and answers; while nobody is at the other end, reading gives nothing and never blocks."""

    def __init__(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
        self.port = os.open(_device(), os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.port, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(self.port, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
        self.unread = b""
        self.later: list[tuple[float, Callable[[], None]]] = []  # by time.monotonic()

    def request(self) -> dict[str, Any]:
        """The next whole request; half of one, from a host that was killed, is passed over."""
        while True:
            while b"\n" not in self.unread:
                self.unread += self._more()
            line, _, self.unread = self.unread.partition(b"\n")
            with contextlib.suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict) and "id" in found:
                    return found

    def answer(self, values: dict[str, Any]) -> None:
        left = json.dumps(values).encode() + b"\n"
        while left:
            try:
                left = left[os.write(self.port, left) :]
            except BlockingIOError:
                time.sleep(0.01)

    def _more(self) -> bytes:
        poll = select.poll()
        poll.register(self.port, select.POLLIN)
        while True:
            if any(event & select.POLLIN for _, event in poll.poll(0)):
                data = os.read(self.port, 1 << 16)
                if data:
                    return data
            # The kernel tells of the other end's coming and going, and of data.
            if signal.sigtimedwait({signal.SIGIO}, 5) is None:
                self._catch_up()

    def _catch_up(self) -> None:
        due = [work for when, work in self.later if when <= time.monotonic()]
        self.later = [(when, work) for when, work in self.later if work not in due]
        for work in due:
            work()


def _device() -> Path:
    ports = Path("/sys/class/virtio-ports")
    while True:
        for port in ports.iterdir() if ports.is_dir() else ():
            if (port / "name").read_text().strip() == PORT:
                return Path("/dev", port.name)
        time.sleep(1)


def rest(request: dict[str, Any]) -> dict[str, Any]:
    """Wait until systemd has nothing left to do, but not for ever, and let the disk have everything."""
    deadline = time.monotonic() + request["patience"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        _said("systemctl", "is-system-running", "--wait", timeout=request["patience"])
    while (jobs := _said("systemctl", "list-jobs", "--no-legend")) and time.monotonic() < deadline:
        time.sleep(0.2)
    failed = _said("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    os.sync()
    return {"failed": _column(failed, 0), "jobs": _column(jobs, 1)}


def _column(table: str, number: int) -> list[str]:
    return [words[number] for words in map(str.split, table.splitlines()) if len(words) > number]


def wake(request: dict[str, Any]) -> dict[str, Any]:
    """What every machine needs that was frozen: the time, and random numbers of its own."""
    time.clock_settime(time.CLOCK_REALTIME, request["clock"])
    seed = base64.b64decode(request["seed"])
    with Path("/dev/urandom").open("wb", 0) as pool:
        fcntl.ioctl(pool, RANDOM_ADD, struct.pack("ii", len(seed) * 8, len(seed)) + seed)
        fcntl.ioctl(pool, RANDOM_RESEED)
    return {}


def become(request: dict[str, Any]) -> dict[str, Any]:
    """Take over an identity, so that nothing is left of the machine that this one is a clone of."""
    wake(request)
    before = Path("/etc/environment").read_text()
    for path, mode, owner, text in request["files"]:
        _write(Path("/", path), mode, owner, text)
    socket.sethostname(request["name"])
    for nic in request["nics"]:
        _connect(nic)
    _boot_id(request["boot_id"])
    if Path("/etc/environment").read_text() != before:
        subprocess.run(["systemctl", "set-environment", *request["variables"]], check=True)
    restarts = _sshd()
    for hook in sorted(HOOKS.iterdir()) if HOOKS.is_dir() else ():
        subprocess.run([str(hook)], check=True, stdin=subprocess.DEVNULL)
    return {"name": socket.gethostname(), "sshd_restarts": restarts}


def clock(request: dict[str, Any]) -> dict[str, Any]:
    """Put the clock right by so many seconds; the host knows how long the question was under way."""
    time.clock_settime(time.CLOCK_REALTIME, time.time() + request["behind"])
    return {}


def _settle() -> None:
    """What may follow a new identity in its own time: the journal under the new machine-id."""
    _said("systemctl", "--no-block", "restart", "systemd-journald")


def _write(path: Path, mode: int, owner: int, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = f"{path}.devbox-new"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    os.fchmod(descriptor, mode)
    os.fchown(descriptor, owner, owner)
    os.write(descriptor, text.encode())
    os.close(descriptor)
    Path(staged).rename(path)


def _connect(nic: dict[str, Any]) -> None:
    """Give a NIC its hardware address, its address and the route through its gateway, if it has one."""
    name = nic["name"].encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:

        def change(what: int, value: bytes) -> None:
            fcntl.ioctl(control, what, struct.pack("16s24s", name, value))

        change(SET_MAC, struct.pack("H6s", ETHERNET, bytes.fromhex(nic["mac"].replace(":", ""))))
        change(SET_FLAGS, struct.pack("h", IS_UP | IS_RUNNING))
        change(SET_ADDRESS, _address(nic["ip"]))
        change(SET_MASK, _address(nic["mask"]))
        change(SET_BROADCAST, _address(nic["broadcast"]))
        if nic["gateway"]:
            anywhere, flags = _address(ANYWHERE), ROUTE_UP | ROUTE_GATEWAY
            route = struct.pack("@L16s16s16sH", 0, anywhere, _address(nic["gateway"]), anywhere, flags)
            with contextlib.suppress(FileExistsError):
                fcntl.ioctl(control, ADD_ROUTE, route.ljust(120, b"\0"))


def _address(ip: str) -> bytes:
    return struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(ip))


def _boot_id(value: str) -> None:
    """The kernel keeps its number for good; who reads it from now on, reads this one."""
    mine = Path("/run/devbox/boot_id")
    mine.parent.mkdir(exist_ok=True)
    mine.write_text(value + "\n")
    ctypes.CDLL(None).mount(str(mine).encode(), b"/proc/sys/kernel/random/boot_id", None, BIND, None)


def _sshd() -> bool:
    """Until OpenSSH 9.8 each connection reads the host key; since then the listener does, when it starts."""
    homes = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec/ssh")
    keeps = any(Path(home, "sshd-session").exists() for home in homes)
    if keeps:
        os.kill(int(Path("/run/sshd.pid").read_text()), signal.SIGHUP)
    return keeps


def _said(*command: str, timeout: float | None = None) -> str:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, encoding="utf-8", timeout=timeout)
    return done.stdout


ACTIONS: list[Callable[[dict[str, Any]], dict[str, Any]]] = [rest, wake, become, clock]


def main() -> None:
    actions = {action.__name__: action for action in ACTIONS}
    line = Line()
    while True:
        request = line.request()
        try:
            answer = actions[request["do"]](request)
        except Exception as error:  # noqa: BLE001 - the host is told, and asks for something else
            answer = {"error": f"{type(error).__name__}: {error}"}
        line.answer({"id": request["id"], "clock": time.time(), **answer})
        if request["do"] == "become":
            line.later.append((time.monotonic() + QUIET, _settle))


if __name__ == "__main__":
    main()
