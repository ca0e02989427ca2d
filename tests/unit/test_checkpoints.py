"""Saving all machines of an environment, and what a run that was killed meanwhile leaves."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from agents import Heard, Talking
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelves import put
from world import API, KEY, make_world

from devbox import qcow2, seals
from devbox.errors import DevboxError, Refused
from devbox.events import Event, Kind
from devbox.paths import Home
from devbox.plan import Effect
from devbox.planning import wanted_machines
from devbox.providers import Power
from devbox.resources import CheckpointResource, MachineResource, cloning, making, saving
from devbox.resources.saved import Checkpoint, disks_in_use, load_checkpoint, own_disk
from devbox.resources.world import World
from devbox.session import Session
from devbox.store import Shelf

pytestmark = pytest.mark.integration

DB = replace(API, name="db", ip=IPv4Address("10.77.0.11"))
EFFECTS = 14  # of saving two machines


class PowerCut(BaseException):
    """What happens to a test's devbox; nothing it catches."""


@dataclass
class Fuse:
    """Remembers all effects; lets so many more take place, and then none."""

    left: int | None = None
    fails: Callable[[str, str], bool] = lambda effect, name: False
    seen: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, effect: str, name: str) -> None:
        with self.lock:
            if self.left == 0:
                raise PowerCut
            if self.left is not None:
                self.left -= 1
            self.seen.append((effect, name.partition(".")[0]))
        if self.fails(effect, name.partition(".")[0]):
            raise DevboxError("The disk is full.")


@dataclass
class Shop:
    """Two machines that run."""

    world: World
    provider: Talking
    fuse: Fuse
    events: list[Event]

    def save(self, name: str) -> Checkpoint:
        target = self.world.paths.checkpoints / name
        saving.save(self.world, name, target)
        return load_checkpoint(target)

    def killed_while_saving(self, name: str, after: int) -> None:
        """Nothing tidies up after somebody who was killed."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(saving, "_go_on", lambda machines, world: None)
            self.fuse.left = after
            try:
                self.save(name)
            except PowerCut:
                assert after < EFFECTS
            else:
                assert after >= EFFECTS
            self.fuse.left = None

    def up(self) -> None:
        """What 'devbox up' does about machines that do not run."""
        for entry in MachineResource.read(self.world):
            before = entry.resource
            assert not entry.tainted
            assert isinstance(before, MachineResource)
            if not before.running:
                before.model_copy(update={"running": True}).update(self.world, before, Effect.START)
        assert self.powers == {Power.RUNNING}
        for disk in self.disks:
            assert disk.stat().st_nlink == 1
            with disk.open("ab") as opened:  # as a machine that runs does
                opened.write(b"!")

    @property
    def powers(self) -> set[Power]:
        return {owned.power for owned in self.provider.machines()}

    @property
    def disks(self) -> list[Path]:
        return [self.world.paths.machine(name).disk for name in ("api", "db")]

    def notes(self) -> list[str]:
        return [event.text for event in self.events if event.kind is Kind.NOTE]


def boot(machine: MachineResource, world: World) -> None:
    """As ``making.start``, but for the waiting for a guest that is not there."""
    own_disk(world.home, world.paths, machine.name, lambda base: making._renew(machine, base, world))
    world.provider.start(machine.mark(world).domain)


@contextmanager
def opened(root: Path) -> Iterator[Shop]:
    home = Home(root / "home")
    fuse, events = Fuse(), list[Event]()
    provider = Talking(before=fuse)
    world = replace(make_world(home, root), provider=provider, emit=events.append)
    world = replace(world, environment=replace(world.environment, machines=(API, DB)))
    put(home, Shelf.IMAGES, KEY, box="debian-12", cmdline="quiet", virtual_size=1 << 30)
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(making, "start", boot)
        patch.setattr(cloning, "greeted", lambda endpoint: True)
        patch.setattr(cloning, "Rehearsal", lambda endpoint: Heard(True))
        stack.callback(provider.hang_up)
        for machine in wanted_machines(world):
            mark = machine.mark(world).but(made=True, provisioned=f"applied to {machine.name}")
            provider.create(making.shape(machine, mark, world))
            making.give_identity(machine, world)
            provider.start(mark.domain)
        fuse.seen.clear()
        yield Shop(world, provider, fuse, events)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with opened(tmp_path) as shop:
        yield shop


def whole(checkpoint: Checkpoint) -> bool:
    """Its files are those that were sealed, and every disk has all that it stands on."""
    seals.verify(checkpoint.folder)
    frozen = [checkpoint.frozen(name) for name in ("api", "db")]
    chains = [qcow2.chain(one.disk) for one in frozen]
    return all(one.state.exists() for one in frozen) and all(
        file.exists() for files in chains for file in files
    )


def test_all_machines_stand_still_before_the_first_is_frozen(shop: Shop) -> None:
    shop.save("good")
    effects = [effect for effect, _ in shop.fuse.seen]
    assert len(effects) == EFFECTS
    assert shop.fuse.seen[:2] == [("pause", "api"), ("pause", "db")]
    assert sorted(effects[2:6]) == ["freeze", "freeze", "stop", "stop"]
    assert "freeze" not in effects[6:]
    assert [agent.done[0] for agent in shop.provider.agents.values()] == ["rest", "rest"]


def test_a_saved_environment_runs_on_with_new_disks_over_the_checkpoint(shop: Shop) -> None:
    before = {disk.stat().st_ino for disk in shop.disks}
    checkpoint = shop.save("good")
    assert shop.powers == {Power.RUNNING}
    assert {checkpoint.frozen(name).disk.stat().st_ino for name in ("api", "db")} == before
    for name, disk in zip(("api", "db"), shop.disks, strict=True):
        assert qcow2.backing_file(disk) == checkpoint.frozen(name).disk
        assert disk.stat().st_nlink == 1
    for agent in shop.provider.agents.values():
        assert "wake" in agent.done
        assert "become" not in agent.done
    assert whole(checkpoint)
    assert not shop.world.paths.freezing.exists()
    assert shop.notes() == []


def test_a_checkpoint_knows_what_its_machines_were(shop: Shop) -> None:
    checkpoint = shop.save("good")
    for machine in wanted_machines(shop.world):
        saved = checkpoint.machines[machine.name]
        assert MachineResource.model_validate_json(saved["spec"]) == machine
        assert saved["maker"] == cloning.template_key(machine, shop.world)
        assert checkpoint.provisioned(machine.name) == f"applied to {machine.name}"
        key = shop.world.paths.machine(machine.name).host_key
        assert (checkpoint.folder / machine.name / key.name).read_bytes() == key.read_bytes()
    assert checkpoint.provisioned("nobody") == ""
    assert checkpoint.folder.stat().st_mode & 0o077 == 0


def test_checkpoints_stand_on_each_other(shop: Shop) -> None:
    first = shop.save("first")
    shop.up()
    second = shop.save("second")
    assert qcow2.backing_file(second.frozen("db").disk) == first.frozen("db").disk
    assert whole(first)
    assert whole(second)


def test_machines_that_do_not_run_are_not_saved(shop: Shop) -> None:
    shop.provider.kill("db.shop.devbox")
    shop.fuse.seen.clear()
    with pytest.raises(Refused, match="whose machines all run") as refused:
        shop.save("good")
    assert "'db' is stopped" in refused.value.details
    assert shop.fuse.seen == []


@pytest.mark.parametrize("effect", ["pause", "freeze", "stop"])
def test_what_fails_leaves_all_running_and_no_checkpoint(shop: Shop, effect: str) -> None:
    shop.fuse.fails = lambda seen, name: (seen, name) == (effect, "db")
    before = {disk.stat().st_ino for disk in shop.disks}
    with pytest.raises(DevboxError, match=r"The disk is full\."):
        shop.save("good")
    assert shop.powers == {Power.RUNNING}
    assert {disk.stat().st_ino for disk in shop.disks} == before
    assert {disk.stat().st_nlink for disk in shop.disks} == {1}
    assert not shop.world.paths.freezing.exists()
    assert not (shop.world.paths.checkpoints / "good").exists()


def test_a_machine_that_does_not_thaw_boots_from_what_was_saved(shop: Shop) -> None:
    shop.fuse.fails = lambda seen, name: (seen, name) == ("resume", "db")
    checkpoint = shop.save("good")
    assert shop.powers == {Power.RUNNING}
    assert [("boots now" in text, "The disk is full." in text) for text in shop.notes()] == [(True, True)]
    assert qcow2.backing_file(shop.disks[1]) == checkpoint.frozen("db").disk
    assert whole(checkpoint)


def test_ready_is_put_into_the_store_once_and_can_be_done_without(shop: Shop) -> None:
    ready = CheckpointResource(name="ready", key="ab" * 32, environment="shop", machines=("api", "db"))
    shop.fuse.fails = lambda seen, name: seen == "freeze"
    ready.create(shop.world)
    assert ["There is no checkpoint 'ready'" in text for text in shop.notes()] == [True]
    shop.fuse.fails = lambda seen, name: False
    ready.create(shop.world)
    folder = shop.world.home.checkpoints / ready.key
    assert whole(load_checkpoint(folder))
    shop.fuse.seen.clear()
    ready.create(shop.world)
    assert shop.fuse.seen == []


@pytest.mark.parametrize("after", range(EFFECTS + 1))
def test_a_kill_at_any_moment_leaves_whole_checkpoints_and_machines_with_disks(
    shop: Shop, after: int
) -> None:
    shop.killed_while_saving("first", after)
    target = shop.world.paths.checkpoints / "first"
    assert all(disk.exists() for disk in shop.disks)
    assert not target.exists() or whole(load_checkpoint(target))
    shop.up()
    assert not target.exists() or whole(load_checkpoint(target))
    assert whole(shop.save("second"))
    assert shop.powers == {Power.RUNNING}
    assert not shop.world.paths.freezing.exists()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, EFFECTS), st.booleans()), min_size=1, max_size=4))
def test_no_series_of_kills_and_deletions_lets_a_machine_write_into_a_checkpoint(
    history: list[tuple[int, bool]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as shop:
        session = Session(shop.world)
        for number, (after, deleted) in enumerate(history):
            shop.killed_while_saving(str(number), after)
            if deleted and (known := session.checkpoints()):
                session.delete_checkpoint(known[0].name)
            shop.up()
            assert all(whole(checkpoint) for checkpoint in session.checkpoints())
            assert all(file.exists() for disk in shop.disks for file in qcow2.chain(disk))


def test_a_disk_whose_other_name_is_nobodys_business_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "copy").hardlink_to(shop.disks[0])
    inode = shop.disks[0].stat().st_ino
    shop.provider.kill("api.shop.devbox")
    boot(wanted_machines(shop.world)[0], shop.world)
    assert shop.disks[0].stat().st_ino == inode


class TestDelete:
    def test_disks_that_machines_stand_on_stay(self, shop: Shop) -> None:
        checkpoint = shop.save("good")
        assert {disk.parent.name for disk in disks_in_use(checkpoint.folder, shop.world.paths)} == {
            "api",
            "db",
        }
        Session(shop.world).delete_checkpoint("good")
        left = [path for path in checkpoint.folder.rglob("*") if path.is_file()]
        assert sorted(left) == [checkpoint.frozen(name).disk for name in ("api", "db")]
        assert Session(shop.world).checkpoints() == []
        assert ["api, db" in text for text in shop.notes()] == [True]

    def test_a_disk_that_another_checkpoint_stands_on_stays(self, shop: Shop) -> None:
        first = shop.save("first")
        second = shop.save("second")
        self.back_to_the_image(shop)
        assert disks_in_use(second.folder, shop.world.paths) == set()
        assert disks_in_use(first.folder, shop.world.paths) == {
            first.frozen(name).disk for name in ("api", "db")
        }
        Session(shop.world).delete_checkpoint("first")
        assert whole(second)

    def test_what_nothing_stands_on_goes_altogether(self, shop: Shop) -> None:
        checkpoint = shop.save("good")
        self.back_to_the_image(shop)
        Session(shop.world).delete_checkpoint("good")
        assert not checkpoint.folder.exists()

    def back_to_the_image(self, shop: Shop) -> None:
        for machine in wanted_machines(shop.world):
            shop.provider.kill(machine.mark(shop.world).domain)
            shop.provider.renew(making.shape(machine, machine.mark(shop.world), shop.world))
