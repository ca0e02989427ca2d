"""Filling a layer on the host: its disk is mounted apart from everything, and the playbook runs in there."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

from devbox import process
from devbox.build.disk import ROOT_NUMBER, Layout
from devbox.events import Event, Kind
from devbox.guest import trust
from devbox.guest.identity import USER, Identity, identity_files
from devbox.guest.ssh import Endpoint
from devbox.guest.ssh_config import known_hosts_text
from devbox.hostbake import Bake, gate, room
from devbox.layers import Layer, base_disk
from devbox.paths import Home, private_folder
from devbox.provision.run import provision
from devbox.qcow2 import virtual_size
from devbox.resources import making
from devbox.resources.access import write_private
from devbox.resources.hidden import NAME, apart, machine_of
from devbox.resources.machine import MachineResource
from devbox.resources.world import World

LOCALHOST = IPv4Address("127.0.0.1")
_RESOLVER = Path("/etc/resolv.conf")
# Of a machine's identity: its sshd's keys and its NICs. There is another sshd here, and no NIC.
_NOT_HERE = ("etc/ssh/", f"home/{USER}/", "etc/devbox/network", "etc/resolv.conf")
_AUTHORITIES = "usr/local/share/ca-certificates/"


def bake(
    layer: Layer, like: MachineResource, disk: Path, world: World, cleaned: Callable[[Endpoint], None]
) -> None:
    """Fill ``disk``, which does not exist yet, as a machine shaped ``like`` would; then ``cleaned`` cleans.

    All that is needed beside it lies in the disk's own folder and goes with it. Raises NotOpened where
    this host can't.
    """
    base = base_disk(world.home, layer.image, like.layer).resolve()
    making.check_below(base)
    below = virtual_size(base)
    size = max(like.disk, below)
    create = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(base)]
    process.run([*create, str(disk), str(int(size))])
    disk.chmod(0o600)
    home = Home(private_folder(disk.parent / "home"))
    inside = replace(apart("layer", layer.key, like, world, playbook=layer.playbook), home=home)
    machine = machine_of(inside, like)
    identity = making.identity_of(machine, inside)
    endpoint = Endpoint(
        alias=f"{NAME}.{inside.environment.name}",
        address=LOCALHOST,
        port=22,  # which OpenSSH wants to have, and does not use
        user=USER,
        key=home.key,
        host_key=identity.host_key_public,
        socket=f"devbox-bake-{secrets.token_hex(16)}",
    )
    write_private(inside.paths.known_hosts, known_hosts_text([endpoint]))
    work = disk.parent / "work"
    layout = Layout(size, layer.key)
    entries = entries_of(identity, _RESOLVER.read_text(), os.environ)
    authorities = [entry.text for entry in entries if entry.path.startswith(f"/{_AUTHORITIES}")]
    told = Bake(
        str(disk),
        str(work),
        offset=layout.root_offset,
        size=layout.root_size,
        partition=ROOT_NUMBER,
        grown=size > below,
        name=NAME,
        socket=endpoint.socket,
        entries=entries,
        authorities=authorities,
    )
    world.emit(Event(Kind.PROGRESS, f"layer.{layer.key[:12]}", "mounting the disk on this host"))
    with room(told, disk.parent):
        provision(inside.environment, {NAME: endpoint}, home, world.emit, strategy=world.strategy)
        cleaned(endpoint)
    shutil.rmtree(home.root)


def entries_of(identity: Identity, resolver: str, environ: Mapping[str, str]) -> list[gate.Entry]:
    """What a machine of this identity finds in its files, as far as it holds on the host, and sshd's own."""
    here = replace(
        identity,
        # The host's network is at hand as it is, its own loopback too.
        proxies=trust.proxies(
            environ, gateway=LOCALHOST, network=identity.uplink, names=[f".{identity.domain}"]
        ),
    )
    files = [file for file in identity_files(here) if not file[0].startswith(_NOT_HERE)]
    entries = [gate.Entry(f"/{path}", mode, owner, text) for path, mode, owner, text in files]
    offline = [
        replace(one, text=one.text + gate.OFFLINE) if one.path == "/etc/environment" else one
        for one in entries
    ]
    return [
        *offline,
        gate.Entry("/etc/resolv.conf", 0o644, 0, resolver),
        gate.Entry(gate.SSHD_CONFIG, 0o600, 0, gate.sshd_config()),
        gate.Entry(gate.HOST_KEY, 0o600, 0, identity.host_key),
        gate.Entry(gate.AUTHORIZED_KEYS, 0o644, 0, "\n".join(identity.authorized_keys) + "\n"),
    ]
