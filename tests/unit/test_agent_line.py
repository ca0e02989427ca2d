"""The host's end of the line to a machine's agent."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from agents import Agent, Request, Respond, Said, answer, obey

from devbox.errors import DevboxError
from devbox.guest.agent import AgentFailed, Line
from devbox.guest.identity import Identity, identity_files, nics

pytestmark = pytest.mark.integration

NAME = "api.shop.devbox"
Serve = Callable[[Respond], tuple[Agent, Path]]
IDENTITY = Identity(
    name="api",
    domain="shop.devbox",
    machines={"api": IPv4Address("10.77.0.10")},
    ip=IPv4Address("10.77.0.10"),
    prefix=24,
    uplink_mac="52:54:00:00:00:01",
    segment_mac="52:54:00:00:00:02",
    uplink=IPv4Network("10.0.2.0/24"),
    host_key="private",
    host_key_public="public",
    authorized_keys=("ssh-ed25519 AAAA ann",),
    machine_id="0" * 32,
    proxies={"http": "http://proxy:3128"},
)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    agents = []

    def start(respond: Respond) -> tuple[Agent, Path]:
        path = tmp_path / "line"
        agents.append(Agent(path, respond))
        return agents[-1], path

    yield start
    for agent in agents:
        agent.close()


def test_rest_gives_the_units_that_failed(serve: Serve) -> None:
    agent, path = serve(lambda request: [answer(request, failed=["a.service"], jobs=["b.service"])])
    with Line(path, NAME) as line:
        assert line.rest(10) == ["a.service", "b.service (at work)"]
    assert agent.done == ["rest"]


def test_a_clone_is_told_everything_that_its_identity_is(serve: Serve) -> None:
    agent, path = serve(obey)
    with Line(path, NAME) as line:
        line.become(IDENTITY)
    told = agent.asked[0]
    assert told["do"] == "become"
    assert told["name"] == "api"
    assert told["files"] == [list(file) for file in identity_files(IDENTITY)]
    assert told["nics"] == nics(IDENTITY)
    assert "http_proxy=http://proxy:3128" in told["variables"]
    assert abs(told["clock"] - time.time()) < 60


def test_no_two_clones_get_the_same_random_numbers(serve: Serve) -> None:
    agent, path = serve(obey)
    with Line(path, NAME) as line:
        for _ in range(3):
            line.wake()
        line.become(IDENTITY)
        line.become(IDENTITY)
    seeds = [request["seed"] for request in agent.asked if "seed" in request]
    assert len(set(seeds)) == len(seeds) == 5
    assert len({request["boot_id"] for request in agent.asked if "boot_id" in request}) == 2


class Clock:
    """A machine whose clock is off by so many seconds when it wakes."""

    def __init__(self, off: float) -> None:
        self.off = off

    def __call__(self, request: Request) -> Said:
        if request["do"] == "clock":
            self.off += request["behind"]
        return [answer(request, clock=time.time() + self.off)]


@pytest.mark.parametrize("off", [-7200.0, -2.0, 3.0, 86400.0])
def test_a_clock_that_is_off_is_put_right(serve: Serve, off: float) -> None:
    clock = Clock(off)
    agent, path = serve(clock)
    with Line(path, NAME) as line:
        line.wake()
    assert agent.done == ["wake", "clock", "clock"]
    assert abs(clock.off) < 1


def test_a_clock_that_is_right_is_left_alone(serve: Serve) -> None:
    agent, path = serve(obey)
    with Line(path, NAME) as line:
        line.wake()
    assert all(abs(request.get("behind", 0)) < 10 for request in agent.asked)
    assert agent.done[:2] == ["wake", "clock"]


def test_answers_for_somebody_who_did_not_wait_are_skipped(serve: Serve) -> None:
    def chatty(request: Request) -> Said:
        stale = {"id": "somebody", "error": "not for you"}
        return [b'_half of a line"}\n', b"[1]\n", stale, answer(request, failed=["mine"], jobs=[])]

    _, path = serve(chatty)
    with Line(path, NAME) as line:
        assert line.rest(10) == ["mine"]
        assert line.rest(10) == ["mine"]


def test_an_answer_may_come_in_pieces(serve: Serve) -> None:
    def slow(request: Request) -> Said:
        text = json.dumps(answer(request, failed=["x" * 200_000], jobs=[])).encode() + b"\n"
        return [text[:1], text[1:70_000], text[70_000:]]

    _, path = serve(slow)
    with Line(path, NAME) as line:
        assert line.rest(10) == ["x" * 200_000]


def test_what_the_agent_could_not_do_is_said_in_its_words(serve: Serve) -> None:
    _, path = serve(lambda request: [answer(request, error="OSError: no room")])
    with Line(path, NAME) as line, pytest.raises(AgentFailed, match=NAME) as failed:
        line.wake()
    assert failed.value.details == "OSError: no room"


def test_a_line_that_is_closed_is_no_answer(serve: Serve) -> None:
    _, path = serve(lambda _: None)
    with Line(path, NAME) as line, pytest.raises(AgentFailed, match="does not answer") as failed:
        line.wake()
    assert "closed" in failed.value.details
    assert "--cold" in failed.value.advice


def test_silence_ends_with_the_time_out(serve: Serve) -> None:
    _, path = serve(lambda _: [])
    began = time.monotonic()
    with Line(path, NAME) as line, pytest.raises(AgentFailed, match="does not answer"):
        line.rest(0.3)
    assert 0.3 <= time.monotonic() - began < 30


def test_endless_talk_that_is_no_answer_ends_with_the_time_out(serve: Serve) -> None:
    _, path = serve(lambda _: itertools.repeat(b"{}\n"))
    with Line(path, NAME) as line, pytest.raises(AgentFailed):
        line.rest(0.3)


def test_who_waits_learns_that_the_machine_is_gone(serve: Serve) -> None:
    def gone() -> None:
        raise DevboxError("The machine ended.")

    _, path = serve(lambda _: [])
    began = time.monotonic()
    with Line(path, NAME) as line, pytest.raises(DevboxError, match=r"The machine ended\."):
        line.rest(60, gone)
    assert time.monotonic() - began < 30


def test_a_socket_that_is_nowhere_fails_in_time(tmp_path: Path) -> None:
    with pytest.raises(AgentFailed, match="can't be opened"):
        Line(tmp_path / "line", NAME, timeout=0.1)
    with pytest.raises(AgentFailed, match="can't be opened"):
        Line(tmp_path / "no folder" / "line", NAME, timeout=0.1)


def test_a_socket_that_comes_a_moment_later_is_found(tmp_path: Path) -> None:
    agents = []
    later = threading.Timer(0.3, lambda: agents.append(Agent(tmp_path / "line")))
    later.start()
    with Line(tmp_path / "line", NAME) as line:
        line.wake()
    later.join()
    agents[0].close()


def test_a_path_longer_than_an_address_may_be_works(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / ("deeper" * 20)
    folder.mkdir(parents=True)
    with pytest.raises(OSError, match="too long"), socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(folder / "line"))
    agent = Agent(folder / "line")
    with Line(folder / "line", NAME) as line:
        line.wake()
    agent.close()
    assert agent.done[0] == "wake"
