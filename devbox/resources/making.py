"""The steps of making a machine: its shape, its identity, its first or next boot."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from typing import TYPE_CHECKING

from devbox import addresses
from devbox.build import load_image
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest import keys
from devbox.guest.identity import Identity, identity_archive
from devbox.guest.ready import verify, wait_ready
from devbox.paths import MachinePaths, private_folder
from devbox.providers import Mark, Power, Segment, Shape, domain_name
from devbox.resources.access import endpoint_of, publish, write_private
from devbox.resources.world import World

if TYPE_CHECKING:
    from devbox.guest.ssh import Session
    from devbox.resources.machine import MachineResource

_CONSOLE_TAIL = 65536  # bytes of the serial console that the diagnosis reads


def shape(machine: MachineResource, mark: Mark, world: World) -> Shape:
    """What the provider needs to make this machine on this host."""
    image = load_image(world.home, machine.image)
    paths = world.paths.machine(machine.name)
    group, port = addresses.segment_group(str(world.home.root), world.environment.name)
    return Shape(
        mark=mark,
        cpus=machine.cpus,
        memory=machine.memory,
        disk=paths.disk,
        disk_size=machine.disk,
        base=image.disk,
        kernel=image.kernel,
        initrd=image.initrd,
        cmdline=image.cmdline,
        cpu_model=world.boxes[machine.box].cpu if machine.box in world.boxes else "Nehalem",
        identity=paths.identity,
        console=paths.console,
        ip=machine.ip,
        uplink_mac=addresses.mac("uplink", mark.domain),
        segment_mac=addresses.mac("segment", mark.domain),
        uplink=addresses.uplink(machine.cidr),
        segment=Segment(machine.cidr, group, port),
        forwards=machine.forwards,
    )


def give_identity(machine: MachineResource, world: World) -> None:
    """Write the archive that the guest unpacks at its next boot."""
    paths = world.paths.machine(machine.name)
    private_folder(paths.root)
    write_private(paths.identity, identity_archive(_identity(machine, world)))


def _identity(machine: MachineResource, world: World) -> Identity:
    alias = domain_name(world.environment.name, machine.name)
    host_key = keys.ensure(world.paths.machine(machine.name).host_key, alias)
    user_key = keys.ensure(world.home.key, "devbox")
    trust = world.trust(machine.cidr)
    return Identity(
        name=machine.name,
        domain=f"{world.environment.name}.devbox",
        machines=machine.peers,
        ip=machine.ip,
        prefix=machine.cidr.prefixlen,
        uplink_mac=addresses.mac("uplink", alias),
        segment_mac=addresses.mac("segment", alias),
        uplink=addresses.uplink(machine.cidr),
        host_key=host_key.private.decode(),
        host_key_public=host_key.public,
        authorized_keys=(user_key.public,),
        # As fresh as the host key, and the same at each boot of this disk.
        machine_id=hashlib.sha256(host_key.public.encode()).hexdigest()[:32],
        proxies=trust.proxies,
        authorities=trust.authorities,
    )


def start(machine: MachineResource, world: World) -> None:
    """Start the machine and wait until it is usable; raises with the reason when it is not."""
    publish(world.home, world.environment.name, machine.peers)
    name = domain_name(world.environment.name, machine.name)
    endpoint = endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
    world.provider.start(name)

    def told(text: str) -> None:
        world.emit(Event(Kind.PROGRESS, machine.address, text))

    with wait_ready(
        endpoint,
        power=lambda: _power(world, name),
        console=lambda: console_tail(world.paths.machine(machine.name)),
        last_words=lambda: world.provider.last_words(name),
        timeout=world.boot_timeout,
        progress=told,
    ) as session:
        verify(session, ip=machine.ip, name=machine.name)


def refresh_peers(machine: MachineResource, world: World) -> None:
    """Tell a running machine who else is there now, without a restart."""
    endpoint = endpoint_of(world.home, world.environment.name, machine.name, machine.ip)
    from devbox.guest.ssh import connect

    archive = tarfile.open(fileobj=io.BytesIO(identity_archive(_identity(machine, world))))
    hosts = archive.extractfile("etc/hosts")
    with connect(endpoint, timeout=60) as session:
        put(session, "/etc/hosts", hosts.read() if hosts else b"")
    publish(world.home, world.environment.name, machine.peers)


def put(session: Session, path: str, content: bytes) -> None:
    """Replace a file of the guest's root user."""
    result = session.run(["sudo", "tee", path], stdin=content)
    if result.status != 0:
        raise DevboxError(f"'{path}' could not be written in the machine.", details=result.stderr)


def remove_files(paths: MachinePaths) -> None:
    """What the host keeps for one machine: identity, host key, console."""
    shutil.rmtree(paths.root, ignore_errors=True)


def console_tail(paths: MachinePaths) -> str:
    """The end of what the machine wrote to its serial console, since it was made."""
    try:
        with paths.console.open("rb") as console:
            console.seek(0, 2)
            console.seek(max(0, console.tell() - _CONSOLE_TAIL))
            return console.read().decode(errors="replace")
    except OSError:
        return ""


def _power(world: World, name: str) -> Power:
    return next((owned.power for owned in world.provider.machines() if owned.mark.domain == name), Power.STOPPED)
