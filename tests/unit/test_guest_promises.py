"""What a machine says of itself, held against what it should be."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from devbox.guest.promises import Promise, compare, question

PROMISE = Promise(
    "api",
    IPv4Interface("10.77.0.10/24"),
    {"api": IPv4Address("10.77.0.10"), "db": IPv4Address("10.77.0.11")},
)
HOST = "hostname api\n"
LOOPBACK = "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n"
UPLINK = "2: enp0s1    inet 10.0.2.15/24 brd 10.0.2.255 scope global enp0s1\\       valid_lft forever\n"
SEGMENT = "3: enp0s2    inet 10.77.0.10/24 brd 10.77.0.255 scope global enp0s2\\       valid_lft forever\n"
NAMES = "10.77.0.10      api.g.devbox api\n10.77.0.11      db.g.devbox db\n"


def test_a_machine_as_promised() -> None:
    assert compare(HOST + LOOPBACK + UPLINK + SEGMENT + NAMES, PROMISE) == []


@pytest.mark.parametrize(
    "answer, differences",
    [
        (
            HOST + LOOPBACK + UPLINK + NAMES,
            ["its static address 10.77.0.10/24 is missing (it has 10.0.2.15/24)."],
        ),
        (HOST + LOOPBACK + NAMES, ["its static address 10.77.0.10/24 is missing (it has none)."]),
        (
            HOST + SEGMENT.replace("10/24", "10/16") + NAMES,
            ["its static address 10.77.0.10/24 is missing (it has 10.77.0.10/16)."],
        ),
        ("hostname debian\n" + SEGMENT + NAMES, ["its host name is 'debian' instead of 'api'."]),
        ("hostname\n" + SEGMENT + NAMES, ["its host name is '' instead of 'api'."]),
        (HOST + SEGMENT + NAMES.splitlines()[0], ["it does not know 'db' as 10.77.0.11."]),
        (HOST + SEGMENT + NAMES.replace(".11 ", ".12 "), ["it does not know 'db' as 10.77.0.11."]),
    ],
)
def test_each_difference_is_said_plainly(answer: str, differences: list[str]) -> None:
    assert compare(answer, PROMISE) == differences


@pytest.mark.parametrize("answer", ["", "\n\n", "sh: 1: ip: not found\n", "hostname\n1:\ninet\n"])
def test_an_answer_that_makes_no_sense_breaks_every_promise(answer: str) -> None:
    assert len(compare(answer, PROMISE)) == 4


def test_the_question_names_every_machine_and_quotes() -> None:
    assert question(PROMISE).endswith("; getent hosts api db")
    assert question(replace(PROMISE, names={"a b": IPv4Address("10.0.0.1")})).endswith("getent hosts 'a b'")
    assert "getent" not in question(replace(PROMISE, names={}))
