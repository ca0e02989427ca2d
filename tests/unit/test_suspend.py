"""Machines that are off with their RAM on disk, and go on from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from agents import Talking
from shelves import put_checkpoint
from world import API, KEY, make_world

from devbox.admission import check
from devbox.apply import Incomplete
from devbox.errors import Refused
from devbox.events import Event, Kind
from devbox.paths import Home
from devbox.plan import Action, Effect
from devbox.planning import decide_up, wanted_machines
from devbox.providers import Power
from devbox.resources import making
from devbox.session import Session
from devbox.units import Size

DB = replace(API, name="db", ip=IPv4Address("10.77.0.11"))


@dataclass
class Shop:
    """Two machines that run."""

    session: Session
    provider: Talking
    events: list[Event] = field(default_factory=list)

    @property
    def powers(self) -> dict[str, Power]:
        return {owned.mark.machine: owned.power for owned in self.provider.machines()}

    def told(self, kind: Kind) -> list[str]:
        return [event.subject for event in self.events if event.kind is kind]


@pytest.fixture
def shop(home: Home, tmp_path: Path) -> Iterator[Shop]:
    provider = Talking()
    world = make_world(home, tmp_path)
    (home.images / KEY / "disk.qcow2").touch()
    environment = replace(world.environment, machines=(API, DB))
    shop = Shop(Session(world), provider)
    world = replace(world, environment=environment, provider=provider, emit=shop.events.append)
    shop.session = Session(world)
    for machine in wanted_machines(world):
        provider.create(making.outline(machine, machine.mark(world).but(made=True), world))
        provider.start(machine.mark(world).domain)
    yield shop
    provider.hang_up()


def test_those_that_are_named_are_suspended_if_they_run(shop: Shop) -> None:
    shop.session.suspend(["machine.api"])
    assert shop.powers == {"api": Power.SUSPENDED, "db": Power.RUNNING}
    assert shop.told(Kind.FINISHED) == ["machine.api"]
    shop.provider.kill("db.shop.devbox")
    shop.session.suspend(["machine.api", "machine.db"])
    assert shop.powers == {"api": Power.SUSPENDED, "db": Power.STOPPED}
    assert shop.told(Kind.FINISHED) == ["machine.api"]


def test_what_was_not_made_is_refused_before_anything_is_touched(shop: Shop) -> None:
    shop.provider.delete("db.shop.devbox")
    with pytest.raises(Refused, match="'db' was not made yet"):
        shop.session.suspend(["machine.api", "machine.db"])
    assert shop.powers == {"api": Power.RUNNING}


@pytest.mark.integration
def test_a_suspended_machine_goes_on_with_the_right_time_and_without_a_boot(shop: Shop) -> None:
    shop.session.suspend(["machine.api"])
    effects: list[str] = []
    shop.provider._before = lambda effect, name: effects.append(effect)
    shop.session.start(["machine.api"])
    assert shop.powers == {"api": Power.RUNNING, "db": Power.RUNNING}
    assert effects == ["resume"]
    assert shop.provider.agents["api.shop.devbox"].done[:2] == ["wake", "clock"]


@pytest.mark.integration
def test_a_paused_machine_goes_on_in_the_same_way(shop: Shop) -> None:
    shop.provider.pause("api.shop.devbox")
    shop.session.start(["machine.api"])
    assert shop.powers["api"] is Power.RUNNING
    assert shop.provider.agents["api.shop.devbox"].done[:1] == ["wake"]


@pytest.mark.integration
def test_one_whose_agent_is_silent_is_a_failure_and_the_others_go_on(shop: Shop) -> None:
    shop.session.suspend(["machine.api", "machine.db"])
    shop.provider.respond = lambda _: None
    with pytest.raises(Incomplete, match=r"api\.shop\.devbox"):
        shop.session.start(["machine.api"])
    assert shop.powers["db"] is Power.SUSPENDED


def test_the_plan_lets_a_suspended_machine_go_on(shop: Shop) -> None:
    shop.session.suspend(["machine.api"])
    (change,) = decide_up(shop.session.world).plan.changes
    assert (change.address, change.action, change.effect) == ("machine.api", Action.UPDATE, Effect.START)
    assert change.data_lost == ""


def test_what_is_suspended_needs_its_memory_again(shop: Shop) -> None:
    shop.session.suspend(["machine.api"])
    environment = shop.session.environment
    greedy = replace(environment, machines=(replace(API, memory=Size(2**50)), DB))
    with pytest.raises(Refused, match="1073741824 MiB of memory"):
        check(replace(shop.session.world, environment=greedy))


def test_a_checkpoint_is_not_overwritten(shop: Shop) -> None:
    folder = shop.session.world.paths.checkpoints / "good"
    folder.mkdir(parents=True)
    put_checkpoint(folder, "good", [], folder)
    with pytest.raises(Refused, match="a checkpoint 'good' already"):
        shop.session.save("good")
    assert set(shop.powers.values()) == {Power.RUNNING}
