"""From a devbox.yml and what the store has to a plan."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from agents import Talking
from shelves import key, put, put_checkpoint, put_layer
from world import API, KEY, make_world

from devbox.environment import MachineSpec
from devbox.errors import Refused
from devbox.events import Event
from devbox.layers import layers_for
from devbox.paths import Home
from devbox.plan import Action, Change, Effect, Plan
from devbox.planning import decide_reset, decide_up, wanted_machines
from devbox.providers.fake import FakeProvider
from devbox.resources import MachineResource, making
from devbox.resources.checkpoint import ready_key
from devbox.resources.cloning import template_key
from devbox.resources.saved import Checkpoint
from devbox.resources.world import World
from devbox.seals import Damaged
from devbox.session import Session
from devbox.store import Shelf

BAKED = replace(API, bake=("base",), provision=("site",))
DB = replace(BAKED, name="db", ip=IPv4Address("10.77.0.11"))


@pytest.fixture
def world(home: Home, tmp_path: Path) -> World:
    """One machine with a baked playbook and another that runs in it; its image is in the store."""
    write(tmp_path, "base", "base")
    write(tmp_path, "site", "site")
    world = make_world(home, tmp_path)
    put(home, Shelf.IMAGES, KEY)
    return asking(replace(world, provider=Talking()), BAKED)


def write(project: Path, name: str, text: str) -> None:
    folder = project / "playbooks"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yml").write_text(f"- hosts: {name}\n  tasks: [{{debug: {{msg: {text}}}}}]\n")


def asking(world: World, *machines: MachineSpec) -> World:
    """The world, prepared, in which devbox.yml asks for these machines."""
    environment = replace(world.environment, machines=machines)
    layers = {
        one.name: layers_for(one.box, KEY, one.bake, world.playbooks, environment.vars) for one in machines
    }
    return replace(world, environment=environment, layers=layers)


def exists(world: World, *names: str) -> None:
    """Make machines of the environment as 'devbox up' would have left them."""
    digests = world.playbooks.digests(world.environment, baked=True)
    for machine in wanted_machines(world):
        if machine.name in names:
            mark = machine.mark(world).but(made=True, provisioned=digests.get(machine.name, ""))
            world.provider.create(making.outline(machine, mark, world))
            world.provider.start(mark.domain)


def bake(world: World) -> None:
    for layers in world.layers.values():
        for layer in layers:
            put_layer(world.home, layer)


def freeze(world: World) -> None:
    for machine in wanted_machines(world):
        named = template_key(machine, world)
        put(world.home, Shelf.TEMPLATES, named, beside={"state": "the state of it"})


def save_ready(world: World) -> Checkpoint:
    machines = wanted_machines(world)
    digests = world.playbooks.digests(world.environment, baked=True)
    folder = world.home.checkpoints / ready_key(machines, digests, world)
    return put_checkpoint(folder, "ready", machines, world.home.images / KEY / "disk.qcow2", digests)


def changes(plan: Plan) -> dict[str, Change]:
    return {change.address.rsplit(".", 1)[0] + "." + named(change): change for change in plan.changes}


def named(change: Change) -> str:
    """Names that are digests are said as what they are of."""
    return str(getattr(change.resource, "label", change.resource.name))


def actions(plan: Plan) -> list[str]:
    return [f"{change.action} {change.resource.kind} {named(change)}" for change in plan.changes]


NEVER = "debian-12+base: it was never baked here; baked on this host, which is quicker"
CHANGED = "debian-12+base: playbooks/base.yml differs; baked on this host, which is quicker"
LAYER = "+ layer debian-12+base"
TEMPLATE = "+ template debian-12+base"
API_MADE, PROVISIONED, SAVED = "+ machine api", "+ provisioning shop", "+ checkpoint ready"


def test_where_nothing_is_everything_is_made_from_the_bottom_up(world: World) -> None:
    (world.home.images / KEY / "disk.qcow2").parent.rename(world.home.root / "elsewhere")
    plan = decide_up(world).plan
    assert actions(plan) == ["+ image debian-12", LAYER, TEMPLATE, API_MADE, PROVISIONED, SAVED]
    assert changes(plan)["layer.debian-12+base"].reason == NEVER


def test_what_the_store_has_is_not_made(world: World) -> None:
    assert actions(decide_up(world).plan) == [LAYER, TEMPLATE, API_MADE, PROVISIONED, SAVED]
    bake(world)
    assert actions(decide_up(world).plan) == [TEMPLATE, API_MADE, PROVISIONED, SAVED]
    freeze(world)
    assert actions(decide_up(world).plan) == [API_MADE, PROVISIONED, SAVED]


def test_a_template_that_failed_is_made_anew(world: World) -> None:
    bake(world)
    freeze(world)
    for state in world.home.templates.glob("*/state"):
        state.rename(state.with_name("state.failed"))
    assert actions(decide_up(world).plan) == [TEMPLATE, API_MADE, PROVISIONED, SAVED]


def test_out_of_the_checkpoint_ready_nothing_is_left_to_be_run(world: World) -> None:
    bake(world)
    saved = save_ready(world)
    decision = decide_up(world)
    assert actions(decision.plan) == [API_MADE]
    assert "from the checkpoint 'ready'" in decision.plan.changes[0].reason
    assert decision.world.checkpoint == saved
    assert decision.world.coming == {"api"}
    assert "provisioning.shop" in decision.plan.unchanged


def test_a_damaged_checkpoint_is_no_checkpoint(world: World) -> None:
    bake(world)
    events: list[Event] = []
    disk = save_ready(world).frozen("api").disk
    disk.write_bytes(disk.read_bytes()[:-1] + b"x")
    decision = decide_up(replace(world, emit=events.append))
    assert decision.world.checkpoint is None
    assert API_MADE in actions(decision.plan)
    assert ["is damaged" in event.text for event in events] == [True]


@pytest.mark.parametrize("change", ["playbook", "variable", "shape"])
def test_the_checkpoint_ready_of_something_else_is_not_taken(world: World, change: str) -> None:
    save_ready(world)
    assert decide_up(world).world.checkpoint is not None
    if change == "playbook":
        write(world.environment.project, "site", "another")
    elif change == "variable":
        world = replace(world, environment=replace(world.environment, vars={"colour": "blue"}))
    else:
        world = asking(world, replace(BAKED, cpus=4))
    assert decide_up(asking(world, *world.environment.machines)).world.checkpoint is None


def test_with_one_machine_of_two_there_only_the_other_is_made_and_nothing_saved(world: World) -> None:
    both = asking(world, BAKED, DB)
    bake(both)
    exists(both, "api")
    plan = decide_up(both).plan
    assert actions(plan) == [TEMPLATE, "+ machine db", "~ provisioning shop"]
    assert "machine.api" in plan.unchanged


def test_one_lost_machine_of_two_comes_out_of_the_checkpoint(world: World) -> None:
    both = asking(world, BAKED, DB)
    bake(both)
    save_ready(both)
    exists(both, "api")
    decision = decide_up(both)
    assert actions(decision.plan) == ["+ machine db"]
    assert decision.world.coming == {"db"}


def test_machines_of_one_shape_share_a_template(world: World) -> None:
    both = asking(world, BAKED, DB)
    assert actions(decide_up(both).plan).count(TEMPLATE) == 1
    mixed = asking(world, BAKED, replace(DB, cpus=1))
    assert actions(decide_up(mixed).plan).count(TEMPLATE) == 2


@pytest.mark.parametrize("why", ["cold", "no freezing"])
def test_without_freezing_there_is_no_template_and_no_checkpoint(world: World, why: str) -> None:
    bake(world)
    save_ready(world)
    world = replace(world, cold=True) if why == "cold" else replace(world, provider=FakeProvider())
    decision = decide_up(world)
    assert actions(decision.plan) == [API_MADE, PROVISIONED]
    assert decision.world.checkpoint is None


def test_an_environment_without_playbooks_has_nothing_to_save(world: World) -> None:
    assert actions(decide_up(asking(world, API)).plan) == ["+ template debian-12", API_MADE]


def test_what_is_as_it_should_be_needs_nothing(world: World) -> None:
    bake(world)
    exists(world, "api")
    assert decide_up(world).plan.empty


def test_a_changed_baked_playbook_replaces_the_machine_and_is_named(world: World) -> None:
    bake(world)
    exists(world, "api")
    write(world.environment.project, "base", "changed")
    plan = decide_up(asking(world, BAKED)).plan
    assert actions(plan)[:3] == [LAYER, TEMPLATE, "-/+ machine api"]
    found = changes(plan)
    assert found["layer.debian-12+base"].reason == CHANGED
    assert found["machine.api"].data_lost
    assert [one.attribute for one in found["machine.api"].differences] == ["layer"]


def test_a_changed_playbook_that_runs_in_the_machine_only_runs_again(world: World) -> None:
    bake(world)
    exists(world, "api")
    world.paths.provisioned.write_text(world.playbooks.brought_json(world.environment, baked=True))
    write(world.environment.project, "site", "changed")
    (change,) = decide_up(asking(world, BAKED)).plan.changes
    assert (change.address, change.effect) == ("provisioning.shop", Effect.REPROVISION)
    assert change.reason == "playbooks/site.yml differs"


def test_playbooks_run_again_in_a_machine_that_is_made_anew(world: World) -> None:
    bake(world)
    exists(world, "api")
    plan = decide_up(world, remake=["machine.api"]).plan
    assert actions(plan) == [TEMPLATE, "-/+ machine api", "~ provisioning shop", SAVED]


class TestReset:
    @pytest.fixture
    def there(self, world: World) -> World:
        both = asking(world, BAKED, DB)
        bake(both)
        exists(both, "api", "db")
        return both

    def machines(self, plan: Plan) -> dict[str, MachineResource]:
        found = {
            change.resource.name: change.after for change in plan.changes if "machine." in change.address
        }
        return {name: one for name, one in found.items() if isinstance(one, MachineResource)}

    def test_to_base_stands_on_the_image(self, there: World) -> None:
        plan = decide_reset(there, ["api"], "base", None).plan
        assert actions(plan) == ["+ template debian-12", "-/+ machine api"]
        assert self.machines(plan)["api"].layer == ""

    def test_to_baked_stands_on_the_layer(self, there: World) -> None:
        plan = decide_reset(there, ["api"], "baked", None).plan
        assert actions(plan) == [TEMPLATE, "-/+ machine api"]
        assert self.machines(plan)["api"].layer == there.layer_of("api")
        assert [label for _, label in plan.cached] == ["debian-12+base"]

    def test_to_baked_bakes_what_is_missing(self, there: World) -> None:
        write(there.environment.project, "base", "changed")
        plan = decide_reset(asking(there, BAKED, DB), ["api"], "baked", None).plan
        assert actions(plan) == [LAYER, TEMPLATE, "-/+ machine api"]

    def test_to_a_name_takes_what_the_machine_was(self, there: World) -> None:
        saved = put_checkpoint(
            there.paths.checkpoints / "good",
            "good",
            wanted_machines(there),
            there.home.images / KEY / "disk.qcow2",
            {"api": key(7)},
        )
        bigger = asking(there, replace(BAKED, cpus=4), DB)
        decision = decide_reset(bigger, ["api"], "good", saved)
        assert actions(decision.plan) == ["-/+ machine api"]
        assert self.machines(decision.plan)["api"].cpus == BAKED.cpus
        assert "from the checkpoint 'good'" in decision.plan.changes[0].reason
        assert decision.world.coming == {"api"}
        machine = self.machines(decision.plan)["api"]
        assert machine.mark(decision.world).provisioned == key(7)

    def test_cold_makes_no_template(self, there: World) -> None:
        plan = decide_reset(replace(there, cold=True), ["db"], "baked", None).plan
        assert actions(plan) == ["-/+ machine db"]

    def test_what_is_not_named_is_not_in_the_plan(self, there: World) -> None:
        plan = decide_reset(there, ["db"], "baked", None).plan
        assert set(self.machines(plan)) == {"db"}
        assert all(change.action is not Action.DELETE for change in plan.changes)

    def test_an_unknown_checkpoint_is_refused_with_those_there_are(self, there: World) -> None:
        session = Session(there)
        with pytest.raises(Refused, match="no checkpoint 'goof'") as refused:
            session.checkpoint("goof")
        assert "devbox checkpoint save" in refused.value.advice
        folder = there.paths.checkpoints / "good"
        put_checkpoint(folder, "good", wanted_machines(there), there.home.images / KEY / "disk.qcow2")
        with pytest.raises(Refused) as refused:
            session.checkpoint("goof")
        assert refused.value.advice == "It has: good."
        assert session.checkpoint("good").machines.keys() == {"api", "db"}

    def test_nothing_is_deleted_when_what_it_should_stand_on_is_damaged(self, there: World) -> None:
        decision = decide_reset(replace(there, cold=True), ["api"], "baked", None)
        disk = there.home.layers / there.layer_of("api") / "disk.qcow2"
        disk.write_bytes(disk.read_bytes() + b"?")
        before = there.provider.machines()
        with pytest.raises(Damaged, match=str(disk)):
            Session(there).apply(decision)
        assert there.provider.machines() == before
