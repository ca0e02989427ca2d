"""What there is, as rows for tables and JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devbox import stored
from devbox.box import Box
from devbox.configuration import FetchSettings
from devbox.errors import DevboxError, Refused
from devbox.events import Emit, Event, Kind
from devbox.paths import Home, configuration, shipped
from devbox.planning import desired
from devbox.providers import Owned, Power
from devbox.providers.choose import open_provider
from devbox.provision.playbooks import Playbooks
from devbox.reading.boxes import load_boxes
from devbox.reading.configuration import load_configuration
from devbox.reading.pins import pinned
from devbox.removal import survey
from devbox.resources import MachineResource
from devbox.session import Session
from devbox.store import Store, age_days, disk_usage, manifest
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


def box_rows(directory: Path, names: Sequence[str] = ()) -> list[Row]:
    from devbox.build import digest_of, image_key

    home = Home.default()
    store = Store(home)
    rows = []
    boxes = _boxes(directory, names)
    for name, box in sorted(boxes.items()):
        key = image_key(box, home)
        there = store.find(key) is not None
        rows.append(
            {
                "name": name,
                "state": "ready" if there else "to be fetched" if box.origin else "to be built",
                "summary": box.summary,
                "family": box.family,
                "release": box.release,
                "cpu": box.cpu,
                "min_memory": int(box.min_memory),
                "user": box.user,
                "locations": list(box.origin.locations) if box.origin else [],
                "digest": digest_of(home, key) if there else "",
                "key": key,
                "file": str(box.file),
            }
        )
    return rows


def _boxes(directory: Path, names: Sequence[str]) -> dict[str, Box]:
    """Those of these names, or all; Refused for a name that no box has."""
    boxes = pinned(load_boxes([directory / "boxes", shipped("boxes")]), directory)
    for name in names:
        if name not in boxes:
            raise Refused(f"There is no box '{name}'.", advice=f"There are: {', '.join(sorted(boxes))}.")
    return {name: box for name, box in boxes.items() if not names or name in names}


def published_rows(directory: Path, names: Sequence[str], emit: Emit) -> list[Row]:
    """For each box whose digest is published: what it is now, and what this project or host has."""
    boxes = _boxes(directory, names)
    settings = load_configuration(configuration()).fetch
    return [
        _published_row(box, settings, emit)
        for _, box in sorted(boxes.items())
        if box.origin and box.origin.checksums
    ]


def _published_row(box: Box, settings: FetchSettings, emit: Emit) -> Row:
    from devbox.build import digest_of, image_key
    from devbox.fetch import Fetching

    assert box.origin is not None
    home = Home.default()
    has = box.origin.locked or digest_of(home, image_key(box, home))
    emit(Event(Kind.PROGRESS, f"image.{box.name}", "asking what is published"))
    row = {"name": box.name, "has": has, "published": "", "problem": ""}
    with tempfile.TemporaryDirectory(prefix="devbox-refresh.") as folder:
        try:
            found = Fetching(box.name, box.origin, Path(folder), settings, lambda _: None).published()
        except DevboxError as error:
            return row | {"state": "unknown", "problem": error.message}
    state = "not fetched yet" if not has else "current" if str(found) == has else "newer"
    return row | {"published": str(found or ""), "state": state}


def image_rows() -> list[Row]:
    stock = _stock()
    return [
        {
            "box": thing.name,
            "key": thing.key,
            "bytes": thing.bytes,
            "days_unused": age_days(thing.last_used),
            "origin": origin.get("location", ""),
            "digest": origin.get("digest", ""),
            "trust": origin.get("trust", "built here"),
            "signed_by": origin.get("signed_by", ""),
            "machines": sum(above.kind == "machine" for above in stock.above(thing.folder)),
        }
        for thing in stock.shelved
        if thing.kind == "image"
        for origin in [manifest(thing.folder).get("origin", {})]
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
