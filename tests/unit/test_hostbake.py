"""Baking on the host: whether, and what the disk is shown."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from shelves import put_layer
from world import API, KEY, make_world

from devbox.admission import check_baking
from devbox.environment import Where
from devbox.errors import Refused
from devbox.guest.identity import Identity
from devbox.hostbake import Bake, HostFacts, choose, gate
from devbox.hostbake.kernel import _KEPT
from devbox.layers import layers_for
from devbox.paths import Home
from devbox.resources.baking import choice_of
from devbox.resources.host_baking import entries_of
from devbox.resources.layer import layers_of
from devbox.resources.world import World

ABLE = HostFacts("amd64")
UNABLE = HostFacts("amd64", ("has no /dev/fuse",))

IDENTITY = Identity(
    name="builder",
    domain="layer.devbox",
    machines={"builder": IPv4Address("169.254.0.2")},
    ip=IPv4Address("169.254.0.2"),
    prefix=30,
    uplink_mac="52:54:00:00:00:01",
    segment_mac="52:54:00:00:00:02",
    uplink=IPv4Network("10.0.2.0/24"),
    host_key="PRIVATE",
    host_key_public="ssh-ed25519 PUBLIC",
    authorized_keys=("ssh-ed25519 MINE",),
    machine_id="0" * 32,
    proxies={"http": "http://10.0.2.2:3128"},
    authorities=("PEM",),
)


@pytest.mark.parametrize(
    "asked, needs_guest, architecture, host, where, why",
    [
        (None, None, "amd64", ABLE, Where.HOST, "which is quicker"),
        (Where.HOST, None, "amd64", ABLE, Where.HOST, "bake_in says so"),
        (Where.GUEST, None, "amd64", ABLE, Where.GUEST, "bake_in says so"),
        (None, "it runs a database", "amd64", ABLE, Where.GUEST, "its playbook says so: it runs a database"),
        (Where.HOST, "", "amd64", ABLE, Where.GUEST, "its playbook says so"),
        (None, None, "arm64", ABLE, Where.GUEST, "it is for arm64, and this host is amd64"),
        (None, None, "amd64", UNABLE, Where.GUEST, "this host has no /dev/fuse"),
        (Where.GUEST, None, "amd64", UNABLE, Where.GUEST, "this host has no /dev/fuse"),
    ],
)
def test_the_way_and_its_reason(
    asked: Where | None, needs_guest: str | None, architecture: str, host: HostFacts, where: Where, why: str
) -> None:
    choice = choose(asked, needs_guest=needs_guest, architecture=architecture, host=host)
    assert (choice.where, choice.why) == (where, why)


def baking(home: Home, project: Path, header: str, asked: Where | None) -> World:
    (project / "playbooks").mkdir(parents=True)
    (project / "playbooks" / "base.yml").write_text(f"# Base.\n{header}- hosts: base\n")
    world = make_world(home, project)
    baked = replace(API, bake=("base",))
    layers = {API.name: layers_for(API.box, KEY, baked.bake, world.playbooks, {})}
    environment = replace(world.environment, machines=(baked,), bake_in=asked)
    return replace(world, environment=environment, layers=layers)


def test_what_the_playbook_says_of_itself_decides(home: Home, tmp_path: Path) -> None:
    world = baking(home, tmp_path, "# bake_in: guest (it asks systemd)\n", None)
    (layer, _), *_ = layers_of(world).values()
    assert choice_of(layer, world).why == "its playbook says so: it asks systemd"


def test_a_host_that_is_asked_for_and_can_not_is_refused_unless_the_layer_is_there(
    home: Home, tmp_path: Path
) -> None:
    world = baking(home, tmp_path, "# bake_in: guest\n", Where.HOST)
    with pytest.raises(Refused) as refused:
        check_baking(world)
    assert "debian-12+base: its playbook says so" in refused.value.details
    (layer, _), *_ = layers_of(world).values()
    put_layer(home, layer)
    check_baking(world)


@pytest.mark.parametrize("asked", [None, Where.GUEST])
def test_who_does_not_insist_is_not_refused(home: Home, tmp_path: Path, asked: Where | None) -> None:
    check_baking(baking(home, tmp_path, "# bake_in: guest\n", asked))


class TestEntries:
    def entries(self) -> dict[str, gate.Entry]:
        return {entry.path: entry for entry in entries_of(IDENTITY, "nameserver 192.0.2.1\n", {})}

    def test_the_disk_learns_name_resolver_and_authorities(self) -> None:
        found = self.entries()
        assert found["/etc/hostname"].text == "builder\n"
        assert found["/etc/resolv.conf"].text == "nameserver 192.0.2.1\n"
        assert found["/usr/local/share/ca-certificates/devbox-0.crt"].text == "PEM\n"

    def test_nothing_of_a_machines_sshd_or_network(self) -> None:
        paths = self.entries().keys()
        assert not [path for path in paths if path.startswith(("/etc/ssh", "/home", "/etc/devbox"))]

    def test_the_keys_lie_in_memory_and_the_private_one_is_roots(self) -> None:
        found = self.entries()
        assert found[gate.HOST_KEY].path.startswith("/run/")
        assert found[gate.HOST_KEY].mode == 0o600
        assert found[gate.AUTHORIZED_KEYS].text == "ssh-ed25519 MINE\n"

    def test_services_are_told_that_nothing_runs(self) -> None:
        assert self.entries()["/etc/environment"].text.endswith(gate.OFFLINE)

    def test_a_proxy_on_the_hosts_own_loopback_stays_there(self) -> None:
        proxied = entries_of(IDENTITY, "", {"http_proxy": "http://127.0.0.1:3128"})
        text = next(entry.text for entry in proxied if entry.path == "/etc/environment")
        assert 'http_proxy="http://127.0.0.1:3128"' in text
        assert "10.0.2.2" not in text


def test_what_is_told_to_the_process_arrives() -> None:
    bake = Bake("/d", "/w", 1, 2, 3, True, "n", "s", [gate.Entry("/a", 0o644, 0, "ä\n")], ["PEM\n"])
    assert Bake.of_line(bake.as_line()) == bake
    assert bake.as_line().count("\n") == 1


def test_no_capability_reaches_beyond_the_disk() -> None:
    beyond = {
        "sys_admin",
        "sys_module",
        "sys_ptrace",
        "sys_rawio",
        "sys_boot",
        "net_admin",
        "bpf",
        "sys_time",
    }
    assert not beyond & _KEPT.keys()
