"""The first devbox.yml: valid as it stands, in a network that nothing else uses."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from bad.table import HERE
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.box import Box
from devbox.errors import Refused
from devbox.reading.boxes import load_box
from devbox.reading.known import HostLimits
from devbox.reading.parsing import load_environment
from devbox.reading.starter import free_network, starter
from devbox.units import Size

LIMITS = HostLimits(memory=Size.parse("8GiB"), cpus=2, low_ports_allowed=False)


def boxes() -> dict[str, Box]:
    return {"debian-12": load_box(HERE / "small.yml")}


def test_it_is_valid_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "devbox.yml").write_text(starter("shop", IPv4Network("10.80.3.0/24")))
    environment = load_environment(tmp_path / "devbox.yml", boxes=boxes(), playbooks=[], limits=LIMITS)
    assert (environment.name, str(environment.cidr)) == ("shop", "10.80.3.0/24")
    assert [str(machine.ip) for machine in environment.machines] == ["10.80.3.10"]


def test_what_it_suggests_is_valid_too(tmp_path: Path) -> None:
    text = starter("shop", IPv4Network("10.80.3.0/24")).replace("# vars:\n#", "vars:\n")
    text = re.sub(r"^    # ", "    ", text, flags=re.MULTILINE)
    (tmp_path / "devbox.yml").write_text(text)
    playbooks = ["common", "application"]
    environment = load_environment(tmp_path / "devbox.yml", boxes=boxes(), playbooks=playbooks, limits=LIMITS)
    assert environment.machines[0].provision == ("application",)
    assert [port.host for port in environment.machines[0].ports] == [8000, 8080]
    assert environment.vars == {"greeting": "hello"}


def test_a_bad_name_is_refused() -> None:
    with pytest.raises(ValueError, match="write 'my-shop'"):
        starter("My Shop", IPv4Network("10.80.3.0/24"))


@pytest.mark.parametrize(
    "taken, free",
    [
        ([], "10.77.0.0/24"),
        (["10.77.0.0/24"], "10.77.1.0/24"),
        (["10.77.0.0/16", "192.168.1.0/24"], "10.78.0.0/24"),
        (["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"], "10.77.0.0/24"),
        (["10.77.0.200/30", "10.77.1.0/31"], "10.77.2.0/24"),
    ],
)
def test_the_first_free_network(taken: list[str], free: str) -> None:
    assert free_network(map(IPv4Network, taken)) == IPv4Network(free)


@settings(deadline=None)
@given(st.lists(st.integers(77, 80), max_size=6), st.lists(st.integers(0, 255), max_size=6))
def test_it_overlaps_nothing(seconds: list[int], thirds: list[int]) -> None:
    taken = [IPv4Network(f"10.{second}.0.0/16") for second in seconds]
    taken += [IPv4Network(f"10.81.{third}.0/24") for third in thirds]
    assert not any(free_network(taken).overlaps(other) for other in taken)


def test_a_host_without_a_free_network_is_told() -> None:
    with pytest.raises(Refused, match="No network"):
        free_network([IPv4Network("10.0.0.0/8")])
