"""The guest's end of the line, as far as it does nothing to the machine that it runs in."""

from __future__ import annotations

import base64
import ctypes
import fcntl
import importlib.util
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devbox.guest.identity import Identity, identity_files, nics
from devbox.paths import shipped

IDENTITY = Identity(
    name="api",
    domain="shop.devbox",
    machines={"api": IPv4Address("10.77.0.10")},
    ip=IPv4Address("10.77.0.10"),
    prefix=23,
    uplink_mac="52:54:00:00:00:01",
    segment_mac="52:54:00:00:00:02",
    uplink=IPv4Network("10.0.2.0/24"),
    host_key="private",
    host_key_public="public",
    authorized_keys=("ssh-ed25519 AAAA ann",),
    machine_id="0" * 32,
)


def load() -> ModuleType:
    file = shipped("templates") / "guest" / "usr" / "lib" / "devbox" / "agent.py"
    spec = importlib.util.spec_from_file_location("devbox_guest_agent", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


agent: Any = load()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, socket.socket]]:
    """The guest's line over a pair of sockets, of which the other is the host's."""
    # A test process has no use for a signal; nobody comes or goes here.
    monkeypatch.setattr(signal, "sigtimedwait", lambda signals, seconds: time.sleep(0.01))
    guest, host = socket.socketpair()
    guest.setblocking(False)

    class Paired(agent.Line):  # type: ignore[misc]
        def __init__(self) -> None:
            self.port = guest.fileno()
            self.unread = b""
            self.later: list[tuple[float, Callable[[], None]]] = []

    monkeypatch.setattr(agent, "Line", Paired)
    yield Paired(), host
    guest.close()
    host.close()


class TestLine:
    def test_requests_come_one_by_one_however_they_were_sent(self, line: tuple[Any, socket.socket]) -> None:
        guest, host = line
        host.sendall(b'{"id": "a"}\n{"id": "b"}\n{"id"')
        assert [guest.request(), guest.request()] == [{"id": "a"}, {"id": "b"}]
        later = threading.Timer(0.05, lambda: host.sendall(b': "c"}\n'))
        later.start()
        assert guest.request() == {"id": "c"}
        later.join()

    def test_half_a_request_of_somebody_who_was_killed_is_passed_over(
        self, line: tuple[Any, socket.socket]
    ) -> None:
        guest, host = line
        host.sendall(b'{"id": "a", "do": "be\n[]\n7\n{}\n{"id": "b"}\n')
        assert guest.request() == {"id": "b"}

    def test_an_answer_that_does_not_fit_waits_for_the_reader(self, line: tuple[Any, socket.socket]) -> None:
        guest, host = line
        read = bytearray()

        def reader() -> None:
            while not read.endswith(b"\n"):
                time.sleep(0.001)
                read.extend(host.recv(50_000))

        thread = threading.Thread(target=reader)
        thread.start()
        guest.answer({"failed": ["x" * 2_000_000]})
        thread.join()
        assert json.loads(read) == {"failed": ["x" * 2_000_000]}

    def test_what_is_due_is_done_once_while_nobody_asks(self, line: tuple[Any, socket.socket]) -> None:
        guest, host = line
        done: list[str] = []
        guest.later = [
            (0.0, lambda: done.append("due")),
            (time.monotonic() + 900, lambda: done.append("not")),
        ]
        later = threading.Timer(0.1, lambda: host.sendall(b'{"id": "a"}\n'))
        later.start()
        assert guest.request() == {"id": "a"}
        later.join()
        assert done == ["due"]
        assert len(guest.later) == 1


class TestMain:
    """Requests that were written before it reads the first, and the answers to them."""

    @pytest.fixture
    def ask(
        self, line: tuple[Any, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[..., list[dict[str, Any]]]:
        def stop(_: dict[str, Any]) -> dict[str, Any]:
            raise SystemExit

        def fail(_: dict[str, Any]) -> dict[str, Any]:
            raise OSError(28, "No space left on device")

        def echo(request: dict[str, Any]) -> dict[str, Any]:
            return {"said": request["say"]}

        monkeypatch.setattr(agent, "ACTIONS", [stop, fail, echo])

        def asked(*requests: dict[str, Any]) -> list[dict[str, Any]]:
            for request in (*requests, {"id": "last", "do": "stop"}):
                line[1].sendall(json.dumps(request).encode() + b"\n")
            with pytest.raises(SystemExit):
                agent.main()
            return [json.loads(one) for one in line[1].recv(1 << 16).splitlines()]

        return asked

    def test_an_answer_has_the_number_and_the_time(self, ask: Callable[..., list[dict[str, Any]]]) -> None:
        before = time.time()
        (said,) = ask({"id": "7", "do": "echo", "say": "hello"})
        assert (said["id"], said["said"]) == ("7", "hello")
        assert before <= said["clock"] <= time.time()

    def test_what_goes_wrong_is_said_and_the_next_is_answered(
        self, ask: Callable[..., list[dict[str, Any]]]
    ) -> None:
        failed, unknown, good = ask(
            {"id": "1", "do": "fail"}, {"id": "2", "do": "fly"}, {"id": "3", "do": "echo", "say": ""}
        )
        assert (failed["id"], failed["error"]) == ("1", "OSError: [Errno 28] No space left on device")
        assert (unknown["id"], unknown["error"]) == ("2", "KeyError: 'fly'")
        assert (good["id"], "error" in good) == ("3", False)


def test_everything_that_the_host_asks_for_is_known() -> None:
    assert {action.__name__ for action in agent.ACTIONS} == {"rest", "wake", "become", "clock"}


def test_files_are_replaced_whole_with_mode_and_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda descriptor, user, group: owners.append((user, group)))
    old = tmp_path / "etc" / "hostname"
    old.parent.mkdir()
    old.write_text("what was much longer before")
    reader = old.open()
    files = identity_files(IDENTITY)
    umask = os.umask(0o077)
    for path, mode, owner, text in files:
        agent._write(tmp_path / path, mode, owner, text)
    os.umask(umask)
    for path, mode, _, text in files:
        assert (tmp_path / path).read_text() == text
        assert (tmp_path / path).stat().st_mode & 0o777 == mode
    assert owners == [(owner, owner) for _, _, owner, _ in files]
    assert set(owners) == {(0, 0), (1000, 1000)}
    assert reader.read() == "what was much longer before"
    reader.close()
    assert [path for path in tmp_path.rglob("*") if path.name.endswith("devbox-new")] == []


@pytest.fixture
def controls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bytes]]:
    """What the kernel would have been told."""
    told: list[tuple[int, bytes]] = []
    monkeypatch.setattr(fcntl, "ioctl", lambda file, what, value=b"": told.append((what, value)))
    return told


def _write_control(group: str, number: int, size: int) -> int:
    """_IOW of asm-generic/ioctl.h."""
    return 1 << 30 | size << 16 | ord(group) << 8 | number


def test_a_nic_gets_all_its_addresses_in_the_kernels_layout(controls: list[tuple[int, bytes]]) -> None:
    agent._connect(nics(IDENTITY)[1])
    assert [what for what, _ in controls] == [0x8924, 0x8914, 0x8916, 0x891C, 0x891A]
    for _, request in controls:
        assert len(request) == 40  # struct ifreq
        assert request[:16].rstrip(b"\0") == b"segment"
    values = [request[16:] for _, request in controls]
    assert values[0][:8] == struct.pack("H", 1) + bytes.fromhex("525400000002")
    assert struct.unpack_from("h", values[1])[0] == 0x41
    for value, address in zip(values[2:], ["10.77.0.10", "255.255.254.0", "10.77.1.255"], strict=True):
        family, port, packed = struct.unpack_from("HH4s", value)
        assert (family, port, socket.inet_ntoa(packed)) == (socket.AF_INET, 0, address)


class RouteEntry(ctypes.Structure):
    """struct rtentry of net/route.h."""

    _fields_ = (
        ("pad1", ctypes.c_ulong),
        ("dst", ctypes.c_ubyte * 16),
        ("gateway", ctypes.c_ubyte * 16),
        ("genmask", ctypes.c_ubyte * 16),
        ("flags", ctypes.c_ushort),
        ("pad2", ctypes.c_short),
        ("pad3", ctypes.c_ulong),
        ("pad4", ctypes.c_void_p),
        ("metric", ctypes.c_short),
        ("dev", ctypes.c_void_p),
        ("mtu", ctypes.c_ulong),
        ("window", ctypes.c_ulong),
        ("irtt", ctypes.c_ushort),
    )


def test_the_way_out_gets_its_route_in_the_kernels_layout(controls: list[tuple[int, bytes]]) -> None:
    agent._connect(nics(IDENTITY)[0])
    what, value = controls[-1]
    assert (what, len(value)) == (0x890B, ctypes.sizeof(RouteEntry))
    route = RouteEntry.from_buffer_copy(value)
    assert socket.inet_ntoa(bytes(route.gateway)[4:8]) == "10.0.2.2"
    for field in (route.dst, route.gateway, route.genmask):
        assert struct.unpack_from("H", bytes(field)) == (socket.AF_INET,)
    assert bytes(route.dst)[4:8] == bytes(route.genmask)[4:8] == bytes(4)
    assert route.flags == 3


def test_a_route_that_is_there_already_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def there(file: Any, what: int, value: bytes) -> None:
        if what == 0x890B:
            raise FileExistsError

    monkeypatch.setattr(fcntl, "ioctl", there)
    agent._connect(nics(IDENTITY)[0])


def test_waking_sets_the_clock_and_mixes_the_seed_in(
    controls: list[tuple[int, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks: list[float] = []
    monkeypatch.setattr(time, "clock_settime", lambda clock, seconds: clocks.append(seconds))
    seed = bytes(range(64))
    assert agent.wake({"clock": 1.5e9, "seed": base64.b64encode(seed).decode()}) == {}
    assert clocks == [1.5e9]
    (add, pool), (reseed, _) = controls
    assert (add, reseed) == (_write_control("R", 3, 8), ord("R") << 8 | 7)
    assert struct.unpack_from("ii", pool) == (512, 64)
    assert pool[8:] == seed


def test_the_clock_is_moved_by_what_it_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks: list[float] = []
    monkeypatch.setattr(time, "clock_settime", lambda clock, seconds: clocks.append(seconds))
    before = time.time()
    agent.clock({"behind": 100.0})
    assert before + 100 <= clocks[0] <= time.time() + 100
