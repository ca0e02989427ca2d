"""Machines that come out of templates and checkpoints, and those that can't and boot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from agents import Heard, Request, Talking, answer
from shelves import key, put, put_checkpoint
from world import API, KEY, make_world

from devbox import qcow2, seals
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.guest import keys
from devbox.paths import Home
from devbox.planning import wanted_machines
from devbox.providers import Frozen, Power
from devbox.resources import MachineResource, cloning, making
from devbox.resources.saved import Checkpoint
from devbox.resources.saving import together
from devbox.resources.world import World
from devbox.seals import Damaged
from devbox.store import Shelf

pytestmark = pytest.mark.integration


@dataclass
class Shop:
    """A world in which one machine is to be made, and what happened."""

    world: World
    provider: Talking
    events: list[Event] = field(default_factory=list)
    booted: list[str] = field(default_factory=list)
    deaf: bool = False  # whether no sshd answers

    @property
    def machine(self) -> MachineResource:
        return wanted_machines(self.world)[0]

    @property
    def disk(self) -> Path:
        return self.world.paths.machine("api").disk

    @property
    def base(self) -> Path:
        """The disk of the image."""
        return self.world.home.images / KEY / "disk.qcow2"

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if event.kind is Kind.NOTE]

    def frozen(self) -> Frozen:
        """A template of the machine, put into the store."""
        named = cloning.template_key(self.machine, self.world)
        home = self.world.home
        disk = put(home, Shelf.TEMPLATES, named, self.base, days=9, beside={"state": "the state of it"})
        return Frozen(disk.parent, named)

    def saved(self, maker: str = "") -> Checkpoint:
        """A checkpoint with the machine and the host key that it ran with."""
        maker = maker or cloning.template_key(self.machine, self.world)
        folder = self.world.home.checkpoints / key(5)
        saved = folder / "api" / "ssh_host_ed25519_key"
        keys.ensure(saved, "api.shop.devbox")
        checkpoint = put_checkpoint(folder, "ready", [self.machine], self.base, {"api": key(7)}, maker)
        self.world = replace(self.world, checkpoint=checkpoint, coming=frozenset({"api"}))
        return checkpoint

    def create(self) -> None:
        self.machine.create(self.world)
        (owned,) = self.provider.machines()
        assert (owned.power, owned.mark.made) == (Power.RUNNING, True)

    def told(self) -> list[Request]:
        return list(self.provider.agents["api.shop.devbox"].asked)


@pytest.fixture
def shop(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    provider = Talking()
    world = replace(make_world(home, tmp_path), provider=provider)
    shop = Shop(world, provider)
    shop.world = replace(world, emit=shop.events.append)
    put(home, Shelf.IMAGES, KEY, box="debian-12", cmdline="quiet", virtual_size=1 << 30)

    def boot(machine: MachineResource, world: World) -> None:
        shop.booted.append(machine.name)
        world.provider.start(machine.mark(world).domain)

    monkeypatch.setattr(making, "start", boot)
    monkeypatch.setattr(cloning, "greeted", lambda endpoint: not shop.deaf)
    monkeypatch.setattr(cloning, "Rehearsal", lambda endpoint: Heard(not shop.deaf))
    yield shop
    provider.hang_up()


def test_without_a_template_a_machine_boots(shop: Shop) -> None:
    shop.create()
    assert shop.booted == ["api"]
    assert qcow2.backing_file(shop.disk) == shop.base
    assert shop.notes == []


def test_a_clone_stands_on_its_template_and_becomes_who_it_should_be(shop: Shop) -> None:
    template = shop.frozen()
    shop.create()
    assert shop.booted == []
    assert qcow2.backing_file(shop.disk) == template.disk
    become = shop.told()[0]
    identity = making.identity_of(shop.machine, shop.world)
    files = {path: text for path, _, _, text in become["files"]}
    assert become["do"] == "become"
    assert become["name"] == "api"
    assert files["etc/hostname"] == "api\n"
    assert files["etc/machine-id"] == f"{identity.machine_id}\n"
    host_key = keys.read(shop.world.paths.machine("api").host_key)
    assert files["etc/ssh/ssh_host_ed25519_key"].strip() == host_key.private.decode().strip()
    assert [nic["ip"] for nic in become["nics"]] == ["10.0.2.15", "10.77.0.10"]


def test_a_clones_next_boot_is_that_of_the_same_machine(shop: Shop) -> None:
    shop.frozen()
    shop.create()
    archive = shop.world.paths.machine("api").identity.read_bytes()
    (machine_id,) = (text for path, _, _, text in shop.told()[0]["files"] if path == "etc/machine-id")
    assert machine_id.encode() in archive
    making.give_identity(shop.machine, shop.world)
    assert shop.world.paths.machine("api").identity.read_bytes() == archive


def test_a_template_that_is_used_stays_young(shop: Shop) -> None:
    template = shop.frozen()
    before = template.folder.stat().st_mtime
    shop.create()
    assert template.folder.stat().st_mtime > before + 86400


def test_cold_boots_although_there_is_a_template(shop: Shop) -> None:
    shop.frozen()
    shop.world = replace(shop.world, cold=True)
    shop.create()
    assert shop.booted == ["api"]
    assert qcow2.backing_file(shop.disk) == shop.base


def fails_to_thaw(shop: Shop, template: Frozen) -> None:
    template.state.write_text("rubbish")
    seals.seal(template.folder)


def agent_fails(shop: Shop, template: Frozen) -> None:
    shop.provider.respond = lambda request: [answer(request, error="OSError: no such device")]


def agent_hangs_up(shop: Shop, template: Frozen) -> None:
    shop.provider.respond = lambda _: None


def sshd_is_silent(shop: Shop, template: Frozen) -> None:
    shop.deaf = True


def processor_stays(shop: Shop, template: Frozen) -> None:
    def refuse(effect: str, name: str) -> None:
        if effect == "resume":
            raise DevboxError("QEMU refused 'cont'.")

    shop.provider._before = refuse


@pytest.mark.parametrize(
    "break_it", [fails_to_thaw, agent_fails, agent_hangs_up, sshd_is_silent, processor_stays]
)
def test_what_can_not_be_cloned_boots_and_is_not_tried_again(
    shop: Shop, break_it: Callable[[Shop, Frozen], None]
) -> None:
    template = shop.frozen()
    break_it(shop, template)
    shop.create()
    assert shop.booted == ["api"]
    assert qcow2.backing_file(shop.disk) == shop.base
    assert ["boots instead" in text for text in shop.notes] == [True]
    assert cloning.template_of(shop.machine, shop.world) is None
    assert template.disk.exists()


def test_clones_that_fail_at_the_same_time_all_boot(shop: Shop) -> None:
    specs = [replace(API, name=f"api{number}", ip=API.ip + number, ports=()) for number in range(4)]
    shop.world = replace(shop.world, environment=replace(shop.world.environment, machines=tuple(specs)))
    shop.frozen()
    shop.deaf = True
    together(lambda machine: machine.create(shop.world), wanted_machines(shop.world))
    assert sorted(shop.booted) == ["api0", "api1", "api2", "api3"]
    assert {(owned.power, owned.mark.made) for owned in shop.provider.machines()} == {(Power.RUNNING, True)}


def test_a_damaged_template_is_named_and_not_stood_on(shop: Shop) -> None:
    template = shop.frozen()
    template.disk.write_bytes(template.disk.read_bytes()[:-1] + b"x")
    shop.create()
    assert shop.booted == ["api"]
    assert qcow2.backing_file(shop.disk) == shop.base
    assert [str(template.disk) in text and "boots instead" in text for text in shop.notes] == [True]


def test_a_machine_of_another_shape_is_not_cloned_from_it(shop: Shop) -> None:
    shop.frozen()
    bigger = replace(API, cpus=4)
    shop.world = replace(shop.world, environment=replace(shop.world.environment, machines=(bigger,)))
    shop.create()
    assert shop.booted == ["api"]


def test_another_address_is_no_other_template(shop: Shop) -> None:
    before = cloning.template_key(shop.machine, shop.world)
    other = MachineResource.wanted(
        replace(API, name="db", ip=API.ip + 1, ports=()), KEY, shop.world.environment.cidr, {}
    )
    assert cloning.template_key(other, shop.world) == before


class TestFromACheckpoint:
    def test_a_machine_is_the_one_that_was_saved(self, shop: Shop) -> None:
        checkpoint = shop.saved()
        shop.create()
        assert shop.booted == []
        assert qcow2.backing_file(shop.disk) == checkpoint.frozen("api").disk
        done = [request["do"] for request in shop.told()]
        assert done[0] == "wake"
        assert "become" not in done
        saved = checkpoint.folder / "api" / "ssh_host_ed25519_key"
        assert shop.world.paths.machine("api").host_key.read_bytes() == saved.read_bytes()
        host_key = keys.read(saved).private.strip()
        assert host_key in shop.world.paths.machine("api").identity.read_bytes()
        (owned,) = shop.provider.machines()
        assert owned.mark.provisioned == key(7)

    def test_one_that_does_not_wake_boots_from_what_was_saved(self, shop: Shop) -> None:
        checkpoint = shop.saved()
        shop.provider.respond = lambda _: None
        shop.create()
        assert shop.booted == ["api"]
        assert qcow2.backing_file(shop.disk) == checkpoint.frozen("api").disk
        assert ["boots instead" in text for text in shop.notes] == [True]
        assert checkpoint.frozen("api").state.exists()

    def test_cold_boots_from_what_was_saved(self, shop: Shop) -> None:
        checkpoint = shop.saved()
        shop.world = replace(shop.world, cold=True)
        shop.create()
        assert shop.booted == ["api"]
        assert qcow2.backing_file(shop.disk) == checkpoint.frozen("api").disk

    def test_a_damaged_one_is_an_error(self, shop: Shop) -> None:
        disk = shop.saved().frozen("api").disk
        disk.write_bytes(disk.read_bytes()[:-1] + b"x")
        with pytest.raises(Damaged, match="is damaged"):
            shop.machine.create(shop.world)
        assert shop.provider.machines() == []

    def test_a_machine_that_is_not_in_it_is_made_from_a_template(self, shop: Shop) -> None:
        checkpoint = shop.saved()
        shop.world = replace(shop.world, checkpoint=replace(checkpoint, machines={}))
        template = shop.frozen()
        shop.create()
        assert qcow2.backing_file(shop.disk) == template.disk
        assert shop.told()[0]["do"] == "become"

    def test_one_that_is_not_in_it_and_fails_stands_on_the_image(self, shop: Shop) -> None:
        shop.world = replace(shop.world, checkpoint=replace(shop.saved(), machines={}))
        shop.frozen()
        shop.deaf = True
        shop.create()
        assert qcow2.backing_file(shop.disk) == shop.base

    def test_what_another_hypervisor_saved_boots_from_its_disk(self, shop: Shop) -> None:
        checkpoint = shop.saved(maker="another QEMU")
        shop.create()
        assert shop.booted == ["api"]
        assert qcow2.backing_file(shop.disk) == checkpoint.frozen("api").disk
        assert ["another QEMU" in text and "boots instead" in text for text in shop.notes] == [True]
