"""Machines of devbox's own: out of users' reach, and gone afterwards."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelves import key
from world import API, KEY, made, make_world, wanted

from devbox import locks
from devbox.paths import Home, private_folder
from devbox.providers import Mark
from devbox.reading import names
from devbox.resources import MachineResource, making
from devbox.resources.hidden import _network, hidden_world, machine_of, sweep
from devbox.resources.world import World

LAYER = key(3)


@pytest.fixture
def world(home: Home, tmp_path: Path) -> World:
    world = make_world(home, tmp_path)
    (home.images / KEY / "disk.qcow2").touch()
    return world


def bring_up(inside: World) -> Mark:
    """Make the machine of a hidden world, as who fills a layer does."""
    like = wanted(inside, inside.environment.machines[0])
    machine = machine_of(inside, like)
    mark = machine.mark(inside)
    inside.provider.create(making.outline(machine, mark, inside))
    inside.provider.start(mark.domain)
    return mark


def domains(world: World) -> list[str]:
    return [owned.mark.domain for owned in world.provider.machines()]


def test_the_machine_is_shaped_like_the_one_that_asks_and_stands_on_the_same(world: World) -> None:
    like = wanted(world).model_copy(update={"layer": LAYER})
    with hidden_world("template", key(4), like, world) as inside:
        machine = machine_of(inside, like)
    same = ("box", "image", "layer", "cpus", "memory", "disk")
    assert [getattr(machine, name) for name in same] == [getattr(like, name) for name in same]
    assert machine.ports == ()
    assert machine.peers == {"builder": machine.ip}


def test_it_boots_whatever_could_be_cloned_and_runs_its_one_playbook(world: World) -> None:
    with hidden_world("layer", LAYER, wanted(world), world, playbook="site") as inside:
        assert (inside.cold, inside.checkpoint, inside.layers) == (True, None, {})
        assert [one.provision for one in inside.environment.machines] == [("site",)]
        assert inside.environment.vars == world.environment.vars
    with hidden_world("template", LAYER, wanted(world), world) as inside:
        assert [one.provision for one in inside.environment.machines] == [()]


def test_nothing_is_left_at_the_end(world: World) -> None:
    mine = made(world)
    with hidden_world("layer", LAYER, wanted(world), world) as inside:
        bring_up(inside)
        assert domains(world) == [mine.domain, f"builder.layer.{LAYER[:12]}.devbox"]
    assert domains(world) == [mine.domain]
    assert not inside.paths.root.exists()
    assert not locks.is_held(inside.paths.lock)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(world: World, error: type[BaseException]) -> None:
    seen: list[World] = []

    def fill() -> None:
        with hidden_world("layer", LAYER, wanted(world), world) as inside:
            seen.append(inside)
            bring_up(inside)
            raise error

    with pytest.raises(error):
        fill()
    assert domains(world) == []
    assert not seen[0].paths.root.exists()


def killed(world: World) -> World:
    """What somebody leaves who is killed while a layer is filled: the lock falls with its holder."""
    name, ip = f"layer.{LAYER[:12]}", IPv4Address("169.254.9.2")
    spec = replace(API, name="builder", ip=ip, ports=())
    inside = replace(world, environment=replace(world.environment, name=name, machines=(spec,)))
    bring_up(inside)
    (private_folder(inside.paths.root) / "known_hosts").write_text("of the first")
    return inside


def test_what_a_killed_run_left_of_the_same_is_removed_first(world: World) -> None:
    left = killed(world)
    with hidden_world("layer", LAYER, wanted(world), world) as inside:
        assert inside.paths == left.paths
        assert domains(world) == []
        assert not inside.paths.root.exists()


def test_a_sweep_removes_what_killed_runs_left_and_nothing_of_users(world: World) -> None:
    mine = made(world)
    left = killed(world)
    sweep(world.home, world.provider)
    assert domains(world) == [mine.domain]
    assert not left.paths.root.exists()
    assert world.paths.machine("api").disk.exists()


def test_a_sweep_removes_folders_whose_machine_is_gone(world: World) -> None:
    folder = private_folder(world.home.environments / "template.0123456789ab" / "machines" / "builder")
    sweep(world.home, world.provider)
    assert not folder.parent.parent.exists()


def test_a_sweep_leaves_what_somebody_works_on(world: World) -> None:
    with hidden_world("layer", LAYER, wanted(world), world) as inside:
        mark = bring_up(inside)
        sweep(world.home, world.provider)
        assert domains(world) == [mark.domain]
        assert inside.paths.root.exists()


def test_a_sweep_of_an_empty_home_finds_nothing(world: World) -> None:
    assert not world.home.environments.exists()
    sweep(world.home, world.provider)
    assert domains(world) == []


@given(st.sampled_from(["layer", "template"]), st.text("0123456789abcdef", min_size=12, max_size=64))
def test_no_user_can_name_an_environment_so(kind: str, digest: str) -> None:
    with pytest.raises(ValueError, match="is no host name"):
        names.label(f"{kind}.{digest[:12]}")


@given(st.text(min_size=1))
def test_its_network_is_no_users(digest: str) -> None:
    network = _network(digest)
    assert network.subnet_of(IPv4Network("169.254.0.0/16"))
    assert len(list(network.hosts())) == 2


def test_its_mark_is_read_back_as_what_it_is(world: World) -> None:
    with hidden_world("layer", LAYER, wanted(world), world) as inside:
        mark = bring_up(inside)
        assert MachineResource.model_validate_json(mark.spec).ip == inside.environment.cidr[2]
