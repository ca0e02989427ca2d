from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Toy

from devbox.errors import DevboxError
from devbox.plan import Action, Change, Effect, Existing, Plan, decide


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def test_what_is_missing_is_created_with_a_reason() -> None:
    change = only(decide([Toy(name="car")], []))
    assert (change.action, change.address, change.reason) == (
        Action.CREATE,
        "toy.car",
        "it does not exist yet",
    )
    assert change.data_lost == ""


def test_what_is_as_wanted_is_left_alone() -> None:
    plan = decide([Toy(name="car")], [Existing(Toy(name="car"))])
    assert plan.empty
    assert plan.unchanged == ("toy.car",)


def test_what_is_not_wanted_is_deleted_and_its_loss_is_told() -> None:
    change = only(decide([], [Existing(Toy(name="car"))]))
    assert (change.action, change.data_lost) == (Action.DELETE, "its stickers")


@pytest.mark.parametrize(
    "before,after,action,effect",
    [
        ({"colour": "red"}, {"colour": "blue"}, Action.UPDATE, Effect.LIVE),
        ({"wheels": 4}, {"wheels": 3}, Action.UPDATE, Effect.RESTART),
        ({"colour": "red", "wheels": 4}, {"colour": "blue", "wheels": 3}, Action.UPDATE, Effect.RESTART),
        ({"size": 1}, {"size": 2}, Action.UPDATE, Effect.RESTART),
        ({"size": 2}, {"size": 1}, Action.REPLACE, None),
        ({"maker": "us"}, {"maker": "them"}, Action.REPLACE, None),
    ],
)
def test_a_change_costs_as_much_as_its_dearest_attribute(
    before: dict[str, Any], after: dict[str, Any], action: Action, effect: Effect | None
) -> None:
    change = only(decide([Toy(name="car", **after)], [Existing(Toy(name="car", **before))]))
    assert (change.action, change.effect) == (action, effect)
    assert {difference.attribute for difference in change.differences} == set(after)


def test_a_replacement_tells_what_is_lost_and_a_half_made_thing_loses_nothing() -> None:
    replaced = only(decide([Toy(name="car", maker="them")], [Existing(Toy(name="car"))]))
    tainted = only(decide([Toy(name="car")], [Existing(Toy(name="car"), tainted="it was left half-made")]))
    assert replaced.data_lost == "its stickers"
    assert (tainted.action, tainted.data_lost, tainted.reason) == (
        Action.REPLACE,
        "",
        "it was left half-made",
    )


def test_remaking_replaces_what_is_equal_and_creates_what_is_missing() -> None:
    plan = decide(
        [Toy(name="car"), Toy(name="bus")], [Existing(Toy(name="car"))], remake=["toy.car", "toy.bus"]
    )
    assert {change.address: change.action for change in plan.changes} == {
        "toy.car": Action.REPLACE,
        "toy.bus": Action.CREATE,
    }


def test_what_stands_on_something_made_anew_is_brought_up_to_date() -> None:
    table, car = Toy(name="table"), Toy(name="car", stands_on=("table",))
    plan = decide([car, table], [Existing(table), Existing(car)], remake=["toy.table"])
    assert [(change.address, change.action) for change in plan.changes] == [
        ("toy.table", Action.REPLACE),
        ("toy.car", Action.UPDATE),
    ]
    assert plan.changes[1].reason == "toy.table is made anew"
    assert plan.changes[1].effect is Effect.REPROVISION


def test_a_circle_is_named() -> None:
    with pytest.raises(DevboxError, match=r"toy\.a.*toy\.b"):
        decide([Toy(name="a", stands_on=("b",)), Toy(name="b", stands_on=("a",))], [])


def test_the_json_of_a_plan_says_what_the_text_says() -> None:
    plan = decide(
        [Toy(name="car", wheels=3)], [Existing(Toy(name="car"))], timings={"toy.change": 2.5}
    ).as_json()
    assert plan["summary"] == {"create": 0, "change": 1, "replace": 0, "delete": 0}
    assert plan["changes"] == [
        {
            "address": "toy.car",
            "action": "change",
            "effect": "restart",
            "reason": "",
            "data_lost": None,
            "expected_seconds": 2.5,
            "changes": [{"attribute": "wheels", "before": 4, "after": 3, "effect": "restart"}],
        }
    ]


toys = st.builds(
    Toy,
    name=st.sampled_from(["a", "b", "c", "d"]),
    colour=st.sampled_from(["red", "blue"]),
    wheels=st.integers(2, 4),
    size=st.integers(1, 3),
)
shelves = st.lists(toys, unique_by=lambda toy: toy.name)


@given(wanted=shelves, found=shelves)
def test_every_difference_is_planned_once_and_nothing_else(wanted: list[Toy], found: list[Toy]) -> None:
    plan = decide(wanted, [Existing(toy) for toy in found])
    before, after = ({toy.address: toy for toy in toys} for toys in (found, wanted))
    changed = {
        address for address in before.keys() | after.keys() if before.get(address) != after.get(address)
    }
    assert sorted(change.address for change in plan.changes) == sorted(changed)
    assert set(plan.unchanged) == before.keys() & after.keys() - changed


@given(wanted=shelves)
def test_planning_what_was_just_made_gives_nothing_to_do(wanted: list[Toy]) -> None:
    assert decide(wanted, [Existing(toy) for toy in wanted]).empty
