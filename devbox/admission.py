"""Whether an environment can be had on this host at all; asked before anything is touched."""

from __future__ import annotations

import json
import os
from ipaddress import IPv4Network
from pathlib import Path

from devbox import host
from devbox.environment import Environment, Where
from devbox.errors import Refused
from devbox.paths import EnvironmentPaths
from devbox.providers import Power
from devbox.provision.playbooks import Playbooks
from devbox.reading.known import HostLimits
from devbox.resources.baking import choice_of
from devbox.resources.layer import layers_of
from devbox.resources.world import World
from devbox.store import Shelf, Store
from devbox.units import Size

_LIBVIRTS = IPv4Network("192.168.122.0/24")  # what libvirt's packages give their network 'default'
_CLASH = "libvirt-nested-network-clash"
_SPARE = Size(256 * 2**20)  # what the host itself should keep


def host_limits() -> HostLimits:
    """What devbox.yml may ask of this host at most."""
    return HostLimits(host.memory().total, os.cpu_count() or 1, host.lowest_port() <= 1)


def check(world: World) -> None:
    """Raise Refused with every reason why these machines can't be made here."""
    environment = world.environment
    _check_owner(world.paths, environment.file)
    machines = world.provider.machines()
    marks = [(owned.mark.environment, owned.mark.spec) for owned in machines]
    problems = host.collisions(environment.name, environment.cidr, host.routes(), marks)
    if problems:
        raise Refused(
            f"The network of the environment '{environment.name}' can't be used on this host.",
            details="\n".join(problems),
            advice=f"Choose another 'network: {{cidr: ...}}' and addresses in '{environment.file}'.",
        )
    check_networks_inside(environment)
    check_variables(environment)
    running = {
        owned.mark.machine
        for owned in machines
        if owned.mark.environment == environment.name and owned.power in {Power.RUNNING, Power.PAUSED}
    }
    wanted = sum(machine.memory for machine in environment.machines if machine.name not in running)
    free = host.memory().free
    if wanted and wanted + _SPARE > free:
        raise Refused(
            f"The machines still to be started need {Size(wanted).mib} MiB of memory,"
            f" and this host has {free.mib} MiB free.",
            advice="Stop what is not needed ('devbox status --all' lists it) or lower 'memory:'.",
        )


def check_networks_inside(environment: Environment) -> None:
    """A playbook that names the workaround brings libvirt, in whose own network no machine may be."""
    if not environment.cidr.overlaps(_LIBVIRTS):
        return
    playbooks = Playbooks(environment.project)
    found = [
        f"machine '{machine.name}': the playbook '{name}' brings libvirt"
        for machine in environment.machines
        for name in (*machine.bake, *machine.provision)
        if playbooks.mentions(name, _CLASH)
    ]
    if found:
        raise Refused(
            f"The network {environment.cidr} of '{environment.name}' is the one that libvirt inside its"
            f" machines takes for its own guests, {_LIBVIRTS}.",
            details="\n".join(found),
            advice=f"Choose another 'network: {{cidr: ...}}' and addresses in '{environment.file}'.",
        )


def check_variables(environment: Environment) -> None:
    """Raise Refused where a variable is written otherwise than the playbooks read it."""
    misspelt = Playbooks(environment.project).misspelt(environment)
    if misspelt:
        raise Refused(
            f"No playbook of '{environment.name}' reads these variables.",
            details="\n".join(f"vars.{name}: is '{meant}' meant?" for name, meant in misspelt.items()),
            advice=f"Mend 'vars:' in '{environment.file}'. 'devbox playbooks' lists what there is.",
        )


def check_baking(world: World) -> None:
    """Raise Refused where devbox.yml wants layers baked on this host that can't be; ``world`` is prepared."""
    if world.environment.bake_in is not Where.HOST:
        return
    store = Store(world.home, Shelf.LAYERS)
    missing = [layer for layer, _ in layers_of(world).values() if store.find(layer.key) is None]
    choices = [(layer, choice_of(layer, world)) for layer in missing]
    problems = [f"{layer.label}: {choice.why}" for layer, choice in choices if choice.obstacle]
    if problems:
        raise Refused(
            "This host can't bake what 'bake_in: host' asks for.",
            details="\n".join(problems),
            advice=f"Take 'bake_in' out of '{world.environment.file}': a machine bakes what the host can't.",
        )


def _check_owner(paths: EnvironmentPaths, file: Path) -> None:
    """Names are one for a user: ssh aliases, disks and addresses hang on them."""
    owner = owner_of(paths)
    if owner is not None and owner != file and any(paths.machines.glob("*")):
        raise Refused(
            f"The environment '{paths.root.name}' belongs to '{owner}', not to '{file}'.",
            advice=f"Change 'name:' here, or run 'devbox destroy --name {paths.root.name}' first.",
        )


def owner_of(paths: EnvironmentPaths) -> Path | None:
    """The devbox.yml that made the environment; None where nothing was made."""
    try:
        return Path(json.loads(paths.origin.read_text())["file"])
    except (OSError, ValueError, KeyError):
        return None
