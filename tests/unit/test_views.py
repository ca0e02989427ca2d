from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from toys import Toy

from devbox.errors import DevboxError, Refused
from devbox.events import Event, Kind
from devbox.plan import Existing, decide
from devbox.views.failure import show_failure
from devbox.views.plan import duration, plan_lines
from devbox.views.progress import JsonLines, Progress, appending, fan_out
from devbox.views.tables import show_table


def paper() -> Console:
    return Console(file=io.StringIO(), width=100, soft_wrap=True, highlight=False)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_plan_shows_signs_reasons_costs_and_losses() -> None:
    found = [Existing(Toy(name="bus")), Existing(Toy(name="car")), Existing(Toy(name="old"))]
    wanted = [Toy(name="bus", wheels=3), Toy(name="car", maker="them", colour="blue"), Toy(name="new")]
    plan = decide(wanted, found, timings={"toy.create": 42.0, "toy.replace": 100.0})
    assert [line.plain for line in plan_lines(plan)] == [
        "  - toy.old  (it is not asked for any more)",
        "        lost: its stickers",
        "  ~ toy.bus  (needs a restart; its disk is kept)",
        "        wheels: 4 -> 3",
        "-/+ toy.car  (took 1 min 40 s last time)",
        "        colour: red -> blue  [live]",
        "        maker: us -> them  [replace]",
        "        lost: its stickers",
        "  + toy.new  (it does not exist yet; took 42 s last time)",
        "Plan: 1 to create, 1 to change, 1 to replace, 1 to delete, about 2 min 22 s going by last time.",
    ]


def test_an_empty_plan_says_so() -> None:
    assert [line.plain for line in plan_lines(decide([], []))] == [
        "Nothing to do: everything is as devbox.yml says."
    ]


@pytest.mark.parametrize(
    "seconds,text", [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (89, "89 s"), (90, "1 min 30 s")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_progress_without_a_terminal_is_a_line_a_change() -> None:
    console = paper()
    with Progress(console) as progress:
        for event in (
            Event(Kind.STARTED, "machine.api", "create"),
            Event(Kind.PROGRESS, "machine.api", "booting"),
            Event(Kind.PROGRESS, "machine.api", "booting"),
            Event(Kind.FINISHED, "machine.api", "create", 4.2),
            Event(Kind.FAILED, "machine.db", "It broke.\nwith details", 1.0),
        ):
            progress(event)
    assert text_of(console).splitlines() == [
        "  … machine.api  create",
        "  … machine.api  booting",
        "  ✓ machine.api  create (4.2 s)",
        "  ✗ machine.db  It broke. (1.0 s)",
    ]


def test_texts_are_never_read_as_markup() -> None:
    console = paper()
    with Progress(console) as progress:
        progress(Event(Kind.NOTE, "machine.api", "[bold]task[/bold] [x"))
    show_failure(DevboxError("It is [red]not[/red].", details="[link=x]y", advice="[b]Do[/b]"), console)
    show_table(console, ["NAME"], [["[i]x[/i]"]])
    for text in ("[bold]task[/bold] [x", "[red]not[/red]", "[link=x]y", "[b]Do[/b]", "[i]x[/i]"):
        assert text in text_of(console)


def test_events_as_json_lines_reach_every_receiver() -> None:
    one, other = io.StringIO(), io.StringIO()
    emit = fan_out(JsonLines(one), JsonLines(other))
    emit(Event(Kind.FINISHED, "machine.api", "create", 1.23456, {"action": "create"}, at=1.0))
    assert json.loads(one.getvalue()) == {
        "at": 1.0,
        "event": "finished",
        "subject": "machine.api",
        "text": "create",
        "seconds": 1.235,
        "action": "create",
    }
    assert one.getvalue() == other.getvalue()


def test_the_events_file_grows_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "events"
    for _ in range(2):
        with appending(path) as emit:
            emit(Event(Kind.NOTE, "x", "y"))
    assert len(path.read_text().splitlines()) == 2
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="No such file or directory"), appending(tmp_path / "no" / "events"):
        pass


def test_a_plan_tells_what_is_cached() -> None:
    plan = replace(decide([Toy(name="a")], []), cached=(("layer.0123", "debian-12+tools"),))
    assert next(plan_lines(plan)).plain == "  = layer.0123  (debian-12+tools: cached)"
    assert plan.as_json()["cached"] == [{"address": "layer.0123", "label": "debian-12+tools"}]
