"""One environment opened for work: what it should be, what exists, and the way from one to the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from devbox import locks
from devbox.apply import apply, write_timing
from devbox.environment import Environment
from devbox.errors import DevboxError, Refused
from devbox.events import Emit, Event, Kind, silent
from devbox.paths import Home, shipped
from devbox.plan import Action, Change, Plan
from devbox.plan.decide import differences_between
from devbox.planning import MADE, Decision, decide_reset, decide_up, desired, prepared
from devbox.providers import Owned, Power, domain_name
from devbox.providers.choose import open_provider
from devbox.provision.playbooks import Playbooks
from devbox.reading.names import label
from devbox.reading.parsing import find_file, load_project
from devbox.reading.pins import pin, pinned
from devbox.resources import MachineResource, ProvisioningResource
from devbox.resources.saved import (
    READY,
    TAKEN,
    Checkpoint,
    forget_deleted,
    place_for,
    saved_checkpoints,
)
from devbox.resources.world import World
from devbox.workarounds.catalogue import known_names

if TYPE_CHECKING:
    from devbox.guest.ssh import Session as Connection
    from devbox.provision.account import WorkaroundReport


@dataclass(frozen=True)
class Session:
    world: World

    @property
    def environment(self) -> Environment:
        return self.world.environment

    @contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """Hold the environment for changes; a second devbox waits here and then looks again."""

        def waiting(holder: str) -> None:
            subject = f"environment.{self.environment.name}"
            self.world.emit(Event(Kind.NOTE, subject, f"waiting for {holder}"))

        with locks.held(self.world.paths.lock, doing=doing, waiting=waiting):
            yield

    def plan(self, remake: Collection[str] = (), *, cold: bool = False) -> Decision:
        """What has to be done; refuses what can't be had on this host, before anything is touched."""
        from devbox.admission import check, check_baking

        check(self.world)
        world = prepared(self.world)
        check_baking(world)
        return decide_up(replace(world, cold=cold), remake=remake)

    def plan_reset(self, addresses: Collection[str], to: str, *, cold: bool = False) -> Decision:
        """The way back to what machines were: ``ready``, ``base``, ``baked`` or a checkpoint's name."""
        from devbox.admission import check, check_baking

        if to == READY:
            return self.plan(remake=addresses, cold=cold)
        check(self.world)
        names = {address.removeprefix("machine.") for address in addresses}
        checkpoint = None if to in TAKEN else self.checkpoint(to)
        if checkpoint is not None:
            names &= checkpoint.machines.keys()
        world = prepared(self.world)
        if checkpoint is None and to != "base":
            check_baking(world)
        return decide_reset(replace(world, cold=cold), names, to, checkpoint)

    def apply(self, decision: Decision, *, strategy: str = "") -> None:
        from devbox.resources.access import write_private
        from devbox.resources.hidden import sweep

        world = replace(decision.world, strategy=strategy)
        if not decision.plan.empty:
            sweep(world.home, world.provider)
        _check_bases(decision)
        _claim(world)
        if world.checkpoint is not None:  # to tell later what changed since
            write_private(world.paths.provisioned, json.dumps(dict(world.checkpoint.brought)))
        apply(decision.plan, world, world.emit, record=self._recorder())
        forget_deleted(world.paths)
        _agree(world)

    def checkpoint(self, name: str) -> Checkpoint:
        """One that was saved under this name; Refused with the names that there are."""
        from devbox.seals import check

        known = {found.name: found for found in self.checkpoints()}
        if name not in known:
            there = f"It has: {', '.join(known)}." if known else "'devbox checkpoint save NAME' makes one."
            environment = self.environment.name
            raise Refused(f"The environment '{environment}' has no checkpoint '{name}'.", advice=there)
        check(known[name].folder)
        return known[name]

    def checkpoints(self) -> list[Checkpoint]:
        """Those that were saved by name, the oldest first."""
        return saved_checkpoints(self.world.paths)

    def save(self, name: str) -> None:
        """Put all machines on disk as they are now, under a name, and let them go on."""
        from devbox.resources.saving import save

        try:
            label(name)
        except ValueError as error:
            raise Refused(f"The checkpoint can't be called so: {error}.") from error
        if name in TAKEN:
            raise Refused(
                f"'devbox reset --to {name}' means something else already.", advice="Choose another name."
            )
        if name in {found.name for found in self.checkpoints()}:
            raise Refused(
                f"There is a checkpoint '{name}' already.",
                advice=f"Choose another name, or run 'devbox checkpoint delete {name}' first.",
            )
        subject = f"checkpoint.{name}"
        self.world.emit(Event(Kind.STARTED, subject, "save"))
        save(prepared(self.world), name, place_for(name, self.world.paths))
        self.world.emit(Event(Kind.FINISHED, subject, "saved"))

    def delete_checkpoint(self, name: str) -> None:
        """Remove one that was saved; the disks that machines stand on go when they are reset."""
        (self.checkpoint(name).folder / "manifest.json").unlink()
        kept = forget_deleted(self.world.paths)
        if kept:
            text = f"gone; disks stay until they are reset, of: {', '.join(sorted(kept))}"
            self.world.emit(Event(Kind.NOTE, f"checkpoint.{name}", text))

    def suspend(self, machines: Sequence[str]) -> None:
        """Switch machines off with their RAM on disk."""
        self._require_made(machines)
        for owned in self.owned():
            if f"machine.{owned.mark.machine}" in machines and owned.power is Power.RUNNING:
                subject = f"machine.{owned.mark.machine}"
                self.world.emit(Event(Kind.STARTED, subject, "suspending"))
                self.world.provider.suspend(owned.mark.domain)
                self.world.emit(Event(Kind.FINISHED, subject, "suspended"))

    def start(self, machines: Sequence[str]) -> None:
        """Start those that are stopped, as the plan would, but nothing else."""
        changes = []
        for entry in MachineResource.read(self.world):
            before = entry.resource
            if before.address in machines and isinstance(before, MachineResource) and not before.running:
                if entry.tainted:
                    raise Refused(
                        f"The machine '{before.name}' can't be started: {entry.tainted}.",
                        advice="Run 'devbox up': it makes the machine anew.",
                    )
                after = before.model_copy(update={"running": True})
                differences = differences_between(before, after)
                changes.append(Change(Action.UPDATE, before, after, differences))
        self._require_made(machines)
        apply(Plan(tuple(changes)), self.world, self.world.emit, record=self._recorder())

    def stop(self, machines: Sequence[str], timeout: float) -> None:
        self._require_made(machines)
        for owned in self.owned():
            if f"machine.{owned.mark.machine}" in machines and owned.power is not Power.STOPPED:
                subject = f"machine.{owned.mark.machine}"
                self.world.emit(Event(Kind.STARTED, subject, "powering off"))
                self.world.provider.shutdown(owned.mark.domain, timeout)
                self.world.emit(Event(Kind.FINISHED, subject, "stopped"))

    def provision(self, *, strategy: str = "") -> None:
        """Run all playbooks again, whatever was run before."""
        for machine in self.environment.machines:
            self.require_running(machine.name)
        wanted = [entry for entry in desired(self.world) if isinstance(entry, ProvisioningResource)]
        if not wanted:
            raise Refused(
                f"The environment '{self.environment.name}' names no playbook.",
                advice="Add 'provision: [NAME]' to a machine; 'devbox playbooks' lists the names.",
            )
        change = Change(Action.CREATE, None, wanted[0])
        world = replace(self.world, strategy=strategy)
        apply(Plan((change,)), world, world.emit, record=self._recorder())

    def look_for(self, names: Sequence[str], machine: str) -> list[WorkaroundReport]:
        """What the named workarounds find on a running machine; nothing is changed there."""
        from devbox.provision.looking import look_for
        from devbox.resources.access import endpoint_of

        spec = self.environment.machine(self.machine_named(machine))
        if spec is None:
            raise LookupError(machine)
        self.require_running(spec.name)

        def emit(event: Event) -> None:
            if "workaround" not in event.data:  # those are the answer
                self.world.emit(event)

        endpoint = endpoint_of(self.world.home, self.environment.name, spec.name, spec.ip)
        return look_for(names, spec, endpoint, self.environment, self.world.home, emit)

    def owned(self) -> list[Owned]:
        """This environment's machines as the provider has them."""
        name = self.environment.name
        return [owned for owned in self.world.provider.machines() if owned.mark.environment == name]

    def named(self, machines: Sequence[str] | None) -> list[str]:
        """Addresses of the named machines, or of all; an unknown name is refused."""
        names = machines or [machine.name for machine in self.environment.machines]
        return [f"machine.{self.machine_named(name)}" for name in names]

    def machine_named(self, name: str) -> str:
        """The machine's name, the first one's for an empty name."""
        names = [machine.name for machine in self.environment.machines]
        chosen = name or names[0]
        short = chosen.removesuffix(f".{self.environment.name}.devbox")
        if short not in names:
            raise Refused(
                f"The environment '{self.environment.name}' has no machine '{name}'.",
                advice=f"It has: {', '.join(names)}.",
            )
        return short

    def domain(self, machine: str) -> str:
        return domain_name(self.environment.name, machine)

    def require_running(self, machine: str) -> None:
        power = next((owned.power for owned in self.owned() if owned.mark.machine == machine), None)
        if power is None:
            raise Refused(f"The machine '{machine}' was not made yet.", advice="Run 'devbox up'.")
        if power is not Power.RUNNING:
            raise Refused(f"The machine '{machine}' is {power}.", advice=f"Run 'devbox start {machine}'.")

    @contextmanager
    def connected(self, machine: str) -> Iterator[Connection]:
        """A pinned SSH session; when it can't be had, the error says what state the machine is in."""
        from devbox.guest.ssh import connect
        from devbox.resources.access import endpoint_of

        name = self.machine_named(machine)
        spec = self.environment.machine(name)
        host_key = self.world.paths.machine(name).host_key
        if spec is None or not host_key.exists():
            raise Refused(f"The machine '{name}' was not made yet.", advice="Run 'devbox up'.")
        endpoint = endpoint_of(self.world.home, self.environment.name, name, spec.ip)
        try:
            connection = connect(endpoint, timeout=30)
        except DevboxError:
            self.require_running(name)
            raise
        with connection:
            yield connection

    def log_file(self, machine: str) -> Path:
        """A machine's console, or the newest log of a playbook run for an empty name."""
        if machine:
            path = self.world.paths.machine(self.machine_named(machine)).console
            found = [path] if path.exists() else []
        else:
            folder = self.world.paths.logs
            found = sorted(folder.glob("*.log")) if folder.is_dir() else []
        if not found:
            what = f"The machine '{machine}' has written no console" if machine else "No playbook was run"
            raise Refused(f"{what} yet.", advice="Run 'devbox up' first.")
        return found[-1]

    def _require_made(self, machines: Collection[str]) -> None:
        made = {f"machine.{owned.mark.machine}" for owned in self.owned()}
        for address in machines:
            if address not in made:
                raise Refused(
                    f"The machine '{address.removeprefix('machine.')}' was not made yet.",
                    advice="Run 'devbox up'.",
                )

    def _recorder(self) -> Callable[[str, float], None]:
        path = self.world.home.timings
        return lambda key, seconds: write_timing(path, key, seconds)


def open_session(directory: Path, emit: Emit = silent) -> Session:
    """The environment of the nearest devbox.yml; raises BadInput with every mistake in it."""
    from devbox.admission import host_limits

    home = Home.default()
    file = find_file(directory)
    playbooks = Playbooks(file.parent)
    environment, boxes = load_project(
        file,
        box_folders=[file.parent / "boxes", shipped("boxes")],
        playbooks=playbooks.names(),
        limits=host_limits(),
        workarounds=known_names(file.parent),
    )
    world = World(
        home=home,
        environment=environment,
        boxes=pinned(boxes, file.parent),
        images={},
        provider=open_provider(home),
        playbooks=playbooks,
        emit=emit,
    )
    return Session(world)


def _check_bases(decision: Decision) -> None:
    """What machines are to stand on must be whole before those that it replaces are deleted."""
    from devbox.layers import base_disk
    from devbox.resources.making import check_below

    made = (change.after for change in decision.plan.changes if change.action in MADE)
    for machine in (one for one in made if isinstance(one, MachineResource)):
        base = base_disk(decision.world.home, machine.image, machine.layer)
        if base.exists():  # else the plan makes it
            check_below(base)


def _claim(world: World) -> None:
    """Write down whose environment this is, before anything of it exists."""
    from devbox.resources.access import write_private

    write_private(world.paths.origin, json.dumps({"file": str(world.environment.file)}))


def _agree(world: World) -> None:
    """Write down which published images the project stands on, so that a team stands on the same."""
    from devbox.build import digest_of

    moving = {name for name, box in world.boxes.items() if box.origin and not box.origin.digest}
    found = {box: digest_of(world.home, key) for box, key in world.images.items() if box in moving}
    pin(world.environment.file.parent, found)
