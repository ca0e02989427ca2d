from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from toys import Shelf, Toy

from devbox.apply import Incomplete, apply, read_timings, write_timing
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.plan import decide


class Told:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def kinds(self, address: str) -> list[Kind]:
        return [event.kind for event in self.events if event.subject == address]


def run(
    shelf: Shelf,
    wanted: list[Toy],
    *,
    remake: Collection[str] = (),
    told: Told | None = None,
    record: Callable[[str, float], None] = lambda _key, _seconds: None,
) -> None:
    plan = decide(wanted, Toy.read(shelf), remake=remake)
    apply(plan, shelf, told or Told(), record=record)


def test_needs_are_made_first_and_deletions_before_everything() -> None:
    shelf = Shelf()
    run(shelf, [Toy(name="old")])
    run(shelf, [Toy(name="car", stands_on=("table",)), Toy(name="table")])
    assert shelf.done == ["create old", "delete old", "create table", "create car"]
    assert set(shelf.toys) == {"car", "table"}


def test_a_replacement_deletes_and_creates() -> None:
    shelf = Shelf()
    run(shelf, [Toy(name="car")])
    run(shelf, [Toy(name="car")], remake=["toy.car"])
    assert shelf.done == ["create car", "delete car", "create car"]


def test_a_failure_stops_what_stands_on_it_and_nothing_else() -> None:
    shelf, told = Shelf(broken=["table"]), Told()
    with pytest.raises(Incomplete) as failed:
        run(shelf, [Toy(name="car", stands_on=("table",)), Toy(name="table"), Toy(name="bus")], told=told)
    assert set(shelf.toys) == {"bus"}
    assert "toy.car" in failed.value.details
    assert told.kinds("toy.table") == [Kind.STARTED, Kind.FAILED]
    assert told.kinds("toy.car") == []
    assert told.kinds("toy.bus") == [Kind.STARTED, Kind.FINISHED]


def test_one_failure_keeps_its_own_words_and_advice() -> None:
    class Brittle(Toy):
        def create(self, world: Shelf) -> None:
            raise DevboxError("The toy 'car' broke.", details="a wheel came off", advice="Glue it.")

    shelf = Shelf()
    with pytest.raises(Incomplete) as failed:
        run(shelf, [Brittle(name="car")])
    assert (failed.value.message, failed.value.details, failed.value.advice) == (
        "The toy 'car' broke.",
        "a wheel came off",
        "Glue it.",
    )


def test_two_failures_are_both_told() -> None:
    shelf = Shelf(broken=["car", "bus"])
    with pytest.raises(Incomplete, match="2 changes failed") as failed:
        run(shelf, [Toy(name="car"), Toy(name="bus")])
    assert "car broke" in failed.value.details
    assert "bus broke" in failed.value.details


def test_durations_are_recorded_by_kind_and_verb() -> None:
    recorded: dict[str, float] = {}
    run(Shelf(), [Toy(name="car")], record=recorded.__setitem__)
    assert recorded.keys() == {"toy.create"}


def test_timings_are_kept_in_a_file_and_a_damaged_one_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "timings.json"
    assert read_timings(path) == {}
    write_timing(path, "toy.create", 1.234)
    write_timing(path, "toy.delete", 2.0)
    assert read_timings(path) == {"toy.create": 1.23, "toy.delete": 2.0}
    path.write_text("{not json")
    assert read_timings(path) == {}
