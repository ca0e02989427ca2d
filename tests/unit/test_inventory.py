"""The inventory and the order of playbooks, as values."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.guest import unix_proxy
from devbox.guest.ssh import Endpoint
from devbox.provision.inventory import group_name, inventory, playbook_order, site
from devbox.units import Size

KNOWN_HOSTS = Path("/home/me/my boxes/known_hosts")


def machine(
    name: str, last: int = 10, bake: tuple[str, ...] = (), provision: tuple[str, ...] = ()
) -> MachineSpec:
    size = Size.parse("1GiB")
    return MachineSpec(name, "debian-12", IPv4Address(f"10.77.0.{last}"), 1, size, size, bake, provision)


def environment(*machines: MachineSpec, **variables: Any) -> Environment:
    return Environment(
        "glance-dev", Path("/home/me/glance/devbox.yml"), IPv4Network("10.77.0.0/24"), machines, variables
    )


def endpoint(name: str, last: int = 10) -> Endpoint:
    address = IPv4Address(f"127.77.0.{last}")
    return Endpoint(
        f"{name}.glance-dev.devbox", address, 2222, "devbox", Path("/keys/id_ed25519"), "ssh-ed25519 A"
    )


def made(*machines: MachineSpec, **variables: Any) -> dict[str, Any]:
    endpoints = {one.name: endpoint(one.name, int(one.ip) & 0xFF) for one in machines}
    whole: dict[str, Any] = inventory(environment(*machines, **variables), endpoints, KNOWN_HOSTS)["all"]
    return whole


def test_a_host_is_reached_at_its_endpoint() -> None:
    host = made(machine("api"))["hosts"]["api"]
    assert host["ansible_host"] == "127.77.0.10"
    assert host["ansible_port"] == 2222
    assert host["ansible_user"] == "devbox"
    assert host["ansible_ssh_private_key_file"] == "/keys/id_ed25519"
    assert host["devbox_ip"] == "10.77.0.10"


def test_an_sshd_behind_a_socket_is_reached_through_a_program() -> None:
    behind = replace(endpoint("api"), socket="devbox-bake-1")
    host = inventory(environment(machine("api")), {"api": behind}, KNOWN_HOSTS)["all"]["hosts"]["api"]
    words = shlex.split(host["ansible_ssh_common_args"])
    option, *others = [word for word in words if word.startswith("ProxyCommand=")]
    assert shlex.split(option.removeprefix("ProxyCommand="))[-2:] == [unix_proxy.__file__, "devbox-bake-1"]
    assert others == []
    assert "ProxyCommand" not in made(machine("api"))["hosts"]["api"]["ansible_ssh_common_args"]


def test_only_the_pinned_key_is_accepted() -> None:
    options = made(machine("api"))["hosts"]["api"]["ansible_ssh_common_args"]
    assert "-o StrictHostKeyChecking=yes" in options
    assert "-o HostKeyAlias=api.glance-dev.devbox" in options
    assert f'-o UserKnownHostsFile="{KNOWN_HOSTS}"' in options
    assert "-o GlobalKnownHostsFile=/dev/null" in options
    assert "-F none" in options


def test_no_variable_of_the_user_can_turn_the_checking_off() -> None:
    """Host variables are stronger than those of the group 'all'."""
    whole = made(
        machine("api"), ansible_host_key_checking=False, ansible_ssh_common_args="-o StrictHostKeyChecking=no"
    )
    assert whole["hosts"]["api"]["ansible_host_key_checking"] is True
    assert "StrictHostKeyChecking=yes" in whole["hosts"]["api"]["ansible_ssh_common_args"]


def test_variables_are_everybodys_and_stronger_than_what_devbox_offers() -> None:
    whole = made(
        machine("api"), glance_source={"pypi": "glance"}, ansible_python_interpreter="/usr/bin/python3.12"
    )
    assert whole["vars"]["glance_source"] == {"pypi": "glance"}
    assert whole["vars"]["ansible_python_interpreter"] == "/usr/bin/python3.12"


def test_machines_know_the_project_and_each_other() -> None:
    variables = made(machine("api"), machine("db", 11))["vars"]
    assert variables["devbox_project"] == "/home/me/glance"
    assert variables["devbox_machines"] == {"api": "10.77.0.10", "db": "10.77.0.11"}


def test_a_playbooks_group_has_the_machines_that_list_it() -> None:
    groups = made(
        machine("api", bake=("glance-source",), provision=("glance-run",)),
        machine("two", 11, provision=("glance-source",)),
    )["children"]
    assert groups == {
        "glance_source": {"hosts": {"api": {}, "two": {}}},
        "glance_run": {"hosts": {"api": {}}},
    }


@pytest.mark.parametrize(
    "playbook, group",
    [("glance-source", "glance_source"), ("reach", "reach"), ("3-tiers", "_3_tiers"), ("A_b", "A_b")],
)
def test_group_names(playbook: str, group: str) -> None:
    assert group_name(playbook) == group


def test_two_playbooks_with_one_group_are_refused() -> None:
    with pytest.raises(Refused, match="'a-b' and 'a_b' would share the group 'a_b'"):
        made(machine("api", provision=("a-b",)), machine("db", 11, provision=("a_b",)))


def test_the_inventory_is_json() -> None:
    assert json.loads(json.dumps(made(machine("api", provision=("x",)))))


@pytest.mark.parametrize(
    "lists, order",
    [
        ([], []),
        ([(("a",), ("b",))], ["a", "b"]),
        ([((), ("b", "c")), ((), ("a", "b"))], ["a", "b", "c"]),
        ([((), ("x",)), ((), ("y",))], ["x", "y"]),
        ([(("a",), ("a", "b"))], ["a", "b"]),
        ([((), ("c",)), ((), ("a", "c")), ((), ("b", "c"))], ["a", "b", "c"]),
    ],
)
def test_order(lists: list[tuple[tuple[str, ...], tuple[str, ...]]], order: list[str]) -> None:
    machines = [machine(f"m{n}", n + 10, bake, provision) for n, (bake, provision) in enumerate(lists)]
    assert playbook_order(machines) == order


def test_orders_that_contradict_are_refused() -> None:
    machines = [machine("one", 10, (), ("first", "a", "b")), machine("two", 11, (), ("b", "a"))]
    with pytest.raises(Refused, match="contradict each other: 'a', 'b'"):
        playbook_order(machines)


@given(st.permutations(list("abcdef")), st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=5))
def test_an_order_respects_every_list(truth: list[str], choices: list[set[int]]) -> None:
    """Lists that are parts of one order never contradict, and each stays in its order."""
    lists = [[truth[place] for place in sorted(chosen)] for chosen in choices]
    order = playbook_order(machine(f"m{n}", n + 10, (), tuple(names)) for n, names in enumerate(lists))
    assert sorted(order) == sorted({name for names in lists for name in names})
    for names in lists:
        assert [name for name in order if name in names] == names


def test_site_imports_each_in_order() -> None:
    files = [Path("/p/playbooks/b.yml"), Path('/p/it\'s "odd"/a.yml')]
    assert [play["ansible.builtin.import_playbook"] for play in json.loads(site(files))] == [
        "/p/playbooks/b.yml",
        '/p/it\'s "odd"/a.yml',
    ]
