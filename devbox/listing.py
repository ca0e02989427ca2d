"""What there is, as rows for tables and JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from devbox import stored
from devbox.paths import Home, shipped
from devbox.planning import desired
from devbox.providers import Owned, Power
from devbox.providers.choose import open_provider
from devbox.provision.playbooks import Playbooks
from devbox.reading.boxes import load_boxes
from devbox.removal import survey
from devbox.resources import MachineResource
from devbox.session import Session
from devbox.store import Store, age_days, disk_usage
from devbox.stored import Stock, Thing

if TYPE_CHECKING:
    from devbox.doctor import Finding

Row = dict[str, Any]


def machine_rows(session: Session) -> list[Row]:
    """The environment's machines, also those that were not made yet or that the file no longer has."""
    owned = {machine.mark.machine: machine for machine in session.owned()}
    digests = {
        machine: digest
        for resource in desired(session.world)
        if resource.kind == "provisioning"
        for machine, digest in getattr(resource, "playbooks", {}).items()
    }
    rows = [
        _machine_row(owned[spec.name], digests.get(spec.name, ""))
        if spec.name in owned
        else _missing_row(session.domain(spec.name), spec.name, str(spec.ip))
        for spec in session.environment.machines
    ]
    named = {spec.name for spec in session.environment.machines}
    return rows + [_machine_row(machine, "") for name, machine in sorted(owned.items()) if name not in named]


def all_machine_rows() -> list[Row]:
    """The machines of every environment of this home."""
    machines = open_provider(Home.default()).machines()
    return [_machine_row(machine, None) for machine in sorted(machines, key=lambda one: one.mark.domain)]


def _machine_row(owned: Owned, digest: str | None) -> Row:
    """``digest`` is that of the playbooks as they are now; None where that is not known."""
    mark = owned.mark
    spec = MachineResource.model_validate_json(mark.spec)
    state = str(owned.power) if mark.made else "half-made"
    ssh, *ports = owned.forwards or spec.forwards
    return {
        "name": mark.domain,
        "machine": mark.machine,
        "environment": mark.environment,
        "state": state,
        "ip": str(spec.ip),
        "playbooks": _playbook_state(mark.provisioned, digest),
        "ssh": {"address": str(ssh.address), "port": ssh.host},
        "urls": [f"{port.address}:{port.host}" for port in ports] if owned.power is Power.RUNNING else [],
        "accelerator": owned.accelerator,
        "file": mark.origin,
    }


def _missing_row(name: str, machine: str, ip: str) -> Row:
    return {
        "name": name,
        "machine": machine,
        "state": "missing",
        "ip": ip,
        "playbooks": "none",
        "ssh": None,
        "urls": [],
        "accelerator": "",
    }


def _playbook_state(applied: str, wanted: str | None) -> str:
    if wanted is None or applied == wanted:
        return "applied" if applied else "none"
    return "changed" if applied else "to run"


def summary(session: Session) -> str:
    """Where everything answers, as the last lines of 'devbox up'."""
    lines = []
    for row in machine_rows(session):
        reached = "".join(f"  http://{url}" for url in row["urls"])
        lines.append(f"{row['machine']}  {row['ip']}  devbox ssh {row['machine']}{reached}")
    return "\n".join(lines)


def box_rows(directory: Path) -> list[Row]:
    from devbox.build import image_key

    home = Home.default()
    store = Store(home)
    rows = []
    for name, box in sorted(load_boxes([directory / "boxes", shipped("boxes")]).items()):
        key = image_key(box, home)
        state = "ready" if store.find(key) else "to be built"
        rows.append({"name": name, "state": state, "summary": box.summary, "key": key, "file": str(box.file)})
    return rows


def image_rows() -> list[Row]:
    stock = _stock()
    return [
        {
            "box": thing.name,
            "key": thing.key,
            "bytes": thing.bytes,
            "days_unused": age_days(thing.last_used),
            "machines": sum(above.kind == "machine" for above in stock.above(thing.folder)),
        }
        for thing in stock.shelved
        if thing.kind == "image"
    ]


def store_tree() -> list[Row]:
    """The images, with all that stands on each nested as ``above``."""
    stock = _stock()
    below = {thing.folder: stock.next_below(thing) for thing in stock.things}

    def row(thing: Thing) -> Row:
        return {
            "kind": thing.kind,
            "name": thing.name,
            "key": thing.key,
            "bytes": thing.bytes,
            "days_unused": age_days(thing.last_used) if thing.key else 0.0,
            "in_use": thing.folder in stock.in_use,
            "above": [row(other) for other in stock.things if thing.folder in below[other.folder]],
        }

    return [row(thing) for thing in stock.things if not below[thing.folder]]


def damage_rows() -> list[Row]:
    """What is damaged in the store, which is read as a whole for that."""
    stock = _stock()
    found = stored.damaged(stock)
    return [
        {
            "kind": thing.kind,
            "name": thing.name,
            "key": thing.key,
            "path": str(found[thing.folder].path),
            "problem": found[thing.folder].message,
            "details": found[thing.folder].details,
            "in_use": thing.folder in stock.in_use,
        }
        for thing in stock.things
        if thing.folder in found
    ]


def _stock() -> Stock:
    home = Home.default()
    stock, _ = survey(home, open_provider(home))
    return stock


def checkpoint_rows(session: Session) -> list[Row]:
    return [
        {
            "name": checkpoint.name,
            "saved": checkpoint.saved,
            "machines": sorted(checkpoint.machines),
            "bytes": disk_usage(checkpoint.folder),
        }
        for checkpoint in session.checkpoints()
    ]


def playbook_rows(directory: Path) -> list[Row]:
    return [
        {"name": playbook.name, "summary": playbook.summary, "file": str(playbook.file)}
        for playbook in Playbooks(directory).all()
    ]


def examine_host() -> list[Finding]:
    """What doctor finds on this host, with this home's machines in mind."""
    from devbox import doctor, host

    home = Home.default()
    facts = doctor.gather(
        home,
        accelerator=lambda: host.accelerator(home),
        reach_libvirt=lambda: open_provider(home).machines(),
    )
    return doctor.examine(facts)
