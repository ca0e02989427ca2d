from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from world import API, KEY, made, make_world, wanted

from devbox.environment import Port
from devbox.paths import Home
from devbox.plan import Action, Effect, Existing, decide
from devbox.planning import desired
from devbox.providers import Forward
from devbox.resources import MachineResource, ProvisioningResource
from devbox.resources.provisioning import what_changed
from devbox.resources.world import World
from devbox.units import Size


@pytest.fixture
def world(home: Home, tmp_path: Path) -> World:
    return make_world(home, tmp_path)


def plan_of(world: World) -> Any:
    existing = [entry for kind in (MachineResource, ProvisioningResource) for entry in kind.read(world)]
    return decide([one for one in desired(world) if one.kind != "image"], existing)


def test_a_machine_made_as_wanted_needs_nothing(world: World) -> None:
    made(world)
    assert plan_of(world).empty


def test_the_host_reaches_ssh_and_the_ports_on_the_loopback_twin(world: World) -> None:
    twin = IPv4Address("127.77.0.10")
    assert wanted(world).forwards == (Forward(twin, 2222, 22), Forward(twin, 8080, 80))


@pytest.mark.parametrize(
    "change,effect",
    [
        ({"memory": Size(2**31)}, Effect.RESTART),
        ({"cpus": 4}, Effect.RESTART),
        ({"disk": Size(2**35)}, Effect.RESTART),
        ({"disk": Size(2**33)}, Effect.REPLACE),
        ({"ip": IPv4Address("10.77.0.11")}, Effect.RESTART),
        ({"ports": (Port(8081, 80),)}, Effect.RESTART),
        ({"box": "debian-13"}, Effect.REPLACE),
    ],
)
def test_what_a_changed_line_costs(world: World, change: dict[str, Any], effect: Effect) -> None:
    before, after = wanted(world), wanted(world, replace(API, **change))
    (planned,) = decide([after], [Existing(before)]).changes
    if effect is Effect.REPLACE:
        assert (planned.action, planned.data_lost) == (Action.REPLACE, "everything on its disk")
    else:
        assert (planned.action, planned.effect) == (Action.UPDATE, effect)


def test_a_new_peer_is_told_to_a_running_machine(world: World) -> None:
    made(world)
    db = replace(API, name="db", ip=IPv4Address("10.77.0.11"))
    grown = replace(world, environment=replace(world.environment, machines=(API, db)))
    planned = {change.address: change for change in plan_of(grown).changes}
    assert planned["machine.db"].action is Action.CREATE
    assert planned["machine.api"].effect is Effect.LIVE


def test_a_stopped_machine_is_started(world: World) -> None:
    world.provider.kill(made(world).domain)
    (change,) = plan_of(world).changes
    assert (change.action, change.effect) == (Action.UPDATE, Effect.START)


def test_a_half_made_machine_is_replaced_without_a_loss(world: World) -> None:
    made(world, made=False)
    (change,) = plan_of(world).changes
    assert (change.action, change.reason, change.data_lost) == (
        Action.REPLACE,
        "it was left half-made",
        "",
    )


def test_a_machine_whose_image_is_gone_is_replaced_and_told_why(world: World) -> None:
    made(world)
    (world.home.images / KEY).rmdir()
    (change,) = plan_of(world).changes
    assert change.action is Action.REPLACE
    assert change.reason == f"what it stands on is gone ({world.home.images / KEY})"


def test_a_machine_that_left_the_file_is_deleted_with_its_files(world: World) -> None:
    made(world)
    empty = replace(world, environment=replace(world.environment, machines=()))
    (change,) = plan_of(empty).changes
    assert (change.action, change.data_lost) == (Action.DELETE, "everything on its disk")
    assert change.before is not None
    change.before.delete(empty)
    assert world.provider.machines() == []
    assert not world.paths.machine("api").root.exists()


def test_machines_of_other_environments_are_nobodys_business(world: World) -> None:
    made(world)
    other = replace(world, environment=replace(world.environment, name="other", machines=()))
    assert plan_of(other).empty


def test_the_spec_is_read_back_as_it_was_written(world: World) -> None:
    resource = wanted(world)
    assert MachineResource.model_validate_json(resource.spec()) == resource
    assert "running" not in resource.spec()


def test_changed_playbooks_run_again_and_the_same_ones_do_not(world: World, tmp_path: Path) -> None:
    playbook = tmp_path / "playbooks" / "site.yml"
    playbook.parent.mkdir()
    playbook.write_text("- hosts: site\n  tasks: []\n")
    spec = replace(API, provision=("site",))
    provisioned = replace(world, environment=replace(world.environment, machines=(spec,)))
    digest = provisioned.playbooks.digests(provisioned.environment)["api"]
    made(provisioned, spec, provisioned=digest)
    assert plan_of(provisioned).empty
    playbook.write_text("- hosts: site\n  tasks: [{ping: }]\n")
    (change,) = plan_of(provisioned).changes
    assert (change.address, change.effect) == ("provisioning.shop", Effect.REPROVISION)


def test_what_changed_in_the_playbooks_is_told_by_name(world: World, tmp_path: Path) -> None:
    playbook = tmp_path / "playbooks" / "site.yml"
    playbook.parent.mkdir()
    playbook.write_text("- hosts: site\n  tasks: []\n")
    spec = replace(API, provision=("site",))
    provisioned = replace(world, environment=replace(world.environment, machines=(spec,)))
    assert what_changed(provisioned) == ""
    provisioned.paths.root.mkdir(parents=True)
    provisioned.paths.provisioned.write_text(provisioned.playbooks.brought_json(provisioned.environment))
    assert what_changed(provisioned) == ""
    playbook.write_text("- hosts: site\n  tasks: [{ping: }]\n")
    assert "site.yml differs" in what_changed(provisioned)
