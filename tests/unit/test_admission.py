"""What is refused before anything is touched because of what the machines' playbooks bring."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from world import make_world

from devbox.admission import check_networks_inside, check_variables
from devbox.environment import Environment
from devbox.errors import Refused
from devbox.paths import Home

NAMES_IT = json.dumps(
    [
        {
            "hosts": "all",
            "roles": [{"role": "workarounds", "workarounds_names": ["libvirt-nested-network-clash"]}],
        }
    ]
)


def environment(home: Home, tmp_path: Path, cidr: str, playbook: str) -> Environment:
    folder = tmp_path / "playbooks"
    folder.mkdir()
    (folder / "cloud.yml").write_text(playbook)
    before = make_world(home, tmp_path).environment
    network = IPv4Network(cidr)
    machines = tuple(
        replace(machine, ip=IPv4Address(int(network.network_address) + 10 + number), provision=("cloud",))
        for number, machine in enumerate(before.machines)
    )
    return replace(before, cidr=network, machines=machines, file=tmp_path / "devbox.yml")


@pytest.mark.parametrize("cidr", ["192.168.122.0/24", "192.168.122.128/25", "192.168.120.0/21"])
def test_the_network_of_a_libvirt_inside_is_refused(home: Home, tmp_path: Path, cidr: str) -> None:
    with pytest.raises(Refused, match=f"The network {cidr} of 'shop'") as caught:
        check_networks_inside(environment(home, tmp_path, cidr, NAMES_IT))
    assert "the playbook 'cloud' brings libvirt" in caught.value.details
    assert "cidr" in caught.value.advice


ANOTHER = NAMES_IT.replace("libvirt-nested-network-clash", "tgtd-sample-conf")
COMPUTED = NAMES_IT.replace("libvirt-nested-network-clash", "{{ it }}")  # may be any, so that all are brought


@pytest.mark.parametrize(
    "cidr, playbook",
    [("192.168.123.0/24", NAMES_IT), ("192.168.122.0/24", ANOTHER), ("192.168.122.0/24", COMPUTED)],
)
def test_another_network_or_another_playbook_is_let_through(
    home: Home, tmp_path: Path, cidr: str, playbook: str
) -> None:
    check_networks_inside(environment(home, tmp_path, cidr, playbook))


READS = json.dumps([{"hosts": "all", "vars": {"source": "{{ shop_source }}", "port": "{{ shop_port }}"}}])


def with_variables(home: Home, tmp_path: Path, **variables: object) -> Environment:
    return replace(environment(home, tmp_path, "10.77.0.0/24", READS), vars=variables)


def test_variables_that_are_written_otherwise_than_they_are_read_are_all_named(
    home: Home, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as caught:
        check_variables(with_variables(home, tmp_path, shop_sorce={"pypi": "shop"}, shop_prt=80, shop_port=1))
    assert caught.value.details.splitlines() == [
        "vars.shop_prt: is 'shop_port' meant?",
        "vars.shop_sorce: is 'shop_source' meant?",
    ]
    assert "devbox.yml" in caught.value.advice


def test_variables_that_are_read_or_resemble_nothing_are_let_through(home: Home, tmp_path: Path) -> None:
    check_variables(
        with_variables(home, tmp_path, shop_port=80, colour_of_the_door="red", ansible_become=True)
    )
