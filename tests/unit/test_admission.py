"""What is refused before anything is touched because of what the machines' playbooks bring."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from world import make_world

from devbox.admission import check_networks_inside
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
