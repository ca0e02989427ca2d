"""The steps of making a machine: its shape, its identity, its first or next boot."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path
from typing import TYPE_CHECKING

from devbox import addresses
from devbox.build import load_image
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest import keys, trust
from devbox.guest.agent import Line
from devbox.guest.identity import Identity, hosts_text, identity_archive
from devbox.guest.promises import Promise, verify
from devbox.guest.ready import Probe, wait_ready
from devbox.guest.ssh import connect
from devbox.layers import base_disk
from devbox.paths import MachinePaths, private_folder
from devbox.providers import Mark, Power, Segment, Shape, domain_name
from devbox.qcow2 import chain
from devbox.resources.access import endpoint_of, publish, write_private
from devbox.resources.saved import own_disk
from devbox.resources.world import World
from devbox.seals import check

if TYPE_CHECKING:
    from devbox.guest.ssh import Session
    from devbox.resources.machine import MachineResource

_CONSOLE_TAIL = 65536  # bytes of the serial console that the diagnosis reads


def outline(machine: MachineResource, mark: Mark, world: World) -> Shape:
    """The machine's shape but for its kernel's command line, which only a built image knows."""
    image = world.home.images / machine.image
    paths = world.paths.machine(machine.name)
    group, port = addresses.segment_group(str(world.home.root), world.environment.name)
    return Shape(
        mark=mark,
        cpus=machine.cpus,
        memory=machine.memory,
        disk=paths.disk,
        disk_size=machine.disk,
        base=base_disk(world.home, machine.image, machine.layer),
        kernel=image / "vmlinuz",
        initrd=image / "initrd",
        cmdline="",
        cpu_model=world.boxes[machine.box].cpu if machine.box in world.boxes else "Nehalem",
        identity=paths.identity,
        console=paths.console,
        ip=machine.ip,
        uplink_mac=addresses.UPLINK_MAC,
        segment_mac=addresses.mac("segment", mark.domain),
        uplink=addresses.uplink(machine.cidr),
        segment=Segment(machine.cidr, group, port),
        forwards=machine.forwards,
    )


def shape(machine: MachineResource, mark: Mark, world: World, base: Path | None = None) -> Shape:
    """What the provider needs to make this machine on this host, on its layer or on another ``base``.

    Raises Damaged where something of the store that its disk stands on is not what was put there.
    """
    image = load_image(world.home, machine.image)
    check(image.folder, adopt=True)
    found = outline(machine, mark, world)
    found = replace(found, cmdline=image.cmdline, base=base or found.base)
    for disk in (found.base, found.disk):
        if disk.exists():
            check_below(disk)
    return found


def check_below(disk: Path) -> None:
    """Raise Damaged unless all of the store that the disk stands on is whole; it counts as used now."""
    for below in chain(disk):
        for folder in (below.parent, below.parent.parent):  # a checkpoint has a folder for each machine
            if (folder / "seal.json").exists():
                check(folder)
                os.utime(folder)  # which 'devbox gc' goes by


def give_identity(machine: MachineResource, world: World) -> None:
    """Write the archive that the guest unpacks at its next boot."""
    paths = world.paths.machine(machine.name)
    private_folder(paths.root)
    write_private(paths.identity, identity_archive(identity_of(machine, world)))


def identity_of(machine: MachineResource, world: World) -> Identity:
    alias = domain_name(world.environment.name, machine.name)
    host_key = keys.ensure(world.paths.machine(machine.name).host_key, alias)
    user_key = keys.ensure(world.home.key, "devbox")
    way_out = addresses.uplink(machine.cidr)
    domain = f"{world.environment.name}.devbox"
    authorities = trust.authorities(os.environ)
    for sentence in authorities.rejected:
        world.emit(Event(Kind.NOTE, machine.address, sentence))
    return Identity(
        name=machine.name,
        domain=domain,
        machines=machine.peers,
        ip=machine.ip,
        prefix=machine.cidr.prefixlen,
        uplink_mac=addresses.UPLINK_MAC,
        segment_mac=addresses.mac("segment", alias),
        uplink=way_out,
        host_key=host_key.private.decode(),
        host_key_public=host_key.public,
        authorized_keys=(user_key.public,),
        # As fresh as the host key, and the same at each boot of this disk.
        machine_id=hashlib.sha256(host_key.public.encode()).hexdigest()[:32],
        proxies=trust.proxies(
            os.environ, gateway=way_out[2], network=machine.cidr, names=[f".{domain}", *machine.peers]
        ),
        authorities=authorities.pem,
    )


def start(machine: MachineResource, world: World) -> None:
    """Start the machine and wait until it is usable; raises with the reason when it is not."""
    publish(world.home, world.environment.name, machine.peers)
    name = domain_name(world.environment.name, machine.name)
    endpoint = endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
    console = world.paths.machine(machine.name).console
    booted_at = console.stat().st_size if console.exists() else 0
    own_disk(world.home, world.paths, machine.name, lambda base: _renew(machine, base, world))
    world.provider.start(name)
    probe = Probe(
        power=lambda: power(world, name),
        console=lambda: console_tail(console, booted_at),
        last_words=lambda: world.provider.last_words(name),
    )

    def told(text: str) -> None:
        world.emit(Event(Kind.PROGRESS, machine.address, text))

    told("booting")
    with wait_ready(endpoint, probe, world.boot_timeout, told) as session:
        address = IPv4Interface((machine.ip, machine.cidr.prefixlen))
        verify(session, Promise(machine.name, address, machine.peers), timeout=60)


def wake(machine: MachineResource, world: World) -> None:
    """Let a machine that was paused or suspended go on, with the right time."""
    name = domain_name(world.environment.name, machine.name)
    world.provider.start(name)
    with Line(world.provider.line(name), name) as line:
        line.wake()


def come_to_rest(machine: MachineResource, world: World, timeout: float) -> None:
    """Wait until nothing is left to do in a running machine and its disk has everything."""
    name = domain_name(world.environment.name, machine.name)
    with Line(world.provider.line(name), name) as line:
        line.rest(timeout)


def _renew(machine: MachineResource, base: Path, world: World) -> None:
    world.provider.renew(shape(machine, machine.mark(world), world, base))


def refresh_peers(machine: MachineResource, world: World) -> None:
    """Tell a running machine who else is there now, without a restart."""
    endpoint = endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
    with connect(endpoint, timeout=60) as session:
        put(session, "/etc/hosts", hosts_text(identity_of(machine, world)).encode())
    publish(world.home, world.environment.name, machine.peers)


def put(session: Session, path: str, content: bytes) -> None:
    """Replace a file of the guest's root user."""
    result = session.run(["sudo", "tee", path], stdin=content)
    if result.status != 0:
        raise DevboxError(f"'{path}' could not be written in the machine.", details=result.stderr)


def remove_files(paths: MachinePaths) -> None:
    """What the host keeps for one machine: identity, host key, console."""
    shutil.rmtree(paths.root, ignore_errors=True)


def console_tail(console: Path, since: int = 0) -> str:
    """The end of what the machine wrote to its serial console after the first ``since`` bytes."""
    try:
        with console.open("rb") as log:
            size = log.seek(0, 2)
            # A provider may begin a new file for each boot.
            log.seek(max(since if since <= size else 0, size - _CONSOLE_TAIL))
            return log.read().decode(errors="replace")
    except OSError:
        return ""


def power(world: World, name: str) -> Power | None:
    return next((owned.power for owned in world.provider.machines() if owned.mark.domain == name), None)
