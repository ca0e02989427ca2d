"""One measurement: its numbers, its limit, and in which order it is measured."""

from __future__ import annotations

import json

import pytest

from bench.results import Results, from_text, to_text
from bench.row import Limit, Row, compare, times


def row(value: float = 2.0, baseline_value: float = 50.0, limit: Limit | None = None) -> Row:
    return Row("up", value, "boot", baseline_value, 5, 2, limit or Limit())


@pytest.mark.parametrize(
    "limit, holds",
    [
        (Limit(), True),
        (Limit(seconds=2.0), True),
        (Limit(seconds=1.9), False),
        (Limit(ratio=0.04), True),
        (Limit(ratio=0.03), False),
        (Limit(seconds=2.5, ratio=1 / 15), True),
        (Limit(seconds=1.5, ratio=1 / 15), False),
        (Limit(seconds=2.5, ratio=1 / 30), False),
    ],
)
def test_all_of_a_limit_must_hold(limit: Limit, holds: bool) -> None:
    assert row(limit=limit).holds is holds


@pytest.mark.parametrize(
    "limit, text",
    [
        (Limit(), "none"),
        (Limit(seconds=0.25), "0.25 s"),
        (Limit(ratio=1.3), "x 1.3"),
        (Limit(seconds=2.5, ratio=1 / 15), "2.5 s, 1/15"),
    ],
)
def test_a_limit_reads_as_it_is_meant(limit: Limit, text: str) -> None:
    assert str(limit) == text


@pytest.mark.parametrize(
    "ratio, text", [(0.04, "1/25"), (0.4, "1/2.5"), (0.98, "x 0.98"), (1.0, "x 1"), (32.85, "x 32.9")]
)
def test_a_ratio_reads_as_times_the_baseline(ratio: float, text: str) -> None:
    assert times(ratio) == text


def test_both_are_measured_in_turns_and_the_medians_count() -> None:
    order: list[str] = []
    values = {"new": iter([3.0, 1.0, 2.0]), "old": iter([10.0, 30.0])}

    def measured(which: str) -> float:
        order.append(which)
        return next(values[which])

    found = compare(
        "up",
        lambda: measured("new"),
        "boot",
        lambda: measured("old"),
        runs=3,
        baseline_runs=2,
        limit=Limit(ratio=0.2),
    )
    assert order == ["new", "old", "new", "old", "new"]
    assert found == Row("up", 2.0, "boot", 20.0, 3, 2, Limit(ratio=0.2))


def test_a_baseline_has_as_many_runs_unless_told_otherwise() -> None:
    count = iter(range(1, 100))
    found = compare("up", lambda: 1.0, "boot", lambda: float(next(count)), runs=3, limit=Limit())
    assert (found.baseline_runs, found.baseline_value) == (3, 2.0)


def test_json_has_what_the_fields_have_and_what_follows_from_them() -> None:
    written = Row("memory", 100.0, "booted", 300.0, 1, 1, Limit(ratio=1 / 2), unit="MiB").as_json()
    assert written["unit"] == "MiB"
    assert written["ratio"] == 0.3333
    assert written["holds"] is True


def test_results_come_back_from_their_text() -> None:
    results = Results({"cores": "4"}, {"warm_up": row(limit=Limit(seconds=2.5, ratio=0.25))})
    assert from_text(to_text(results)) == results
    assert [written["row"] for written in json.loads(to_text(results))["rows"]] == ["warm_up"]


def test_rows_that_were_not_asked_for_again_stay() -> None:
    earlier = Results({"cores": "4"}, {"a": row(1), "b": row(1), "c": row(1)})
    now = Results({"cores": "4"}, {"b": row(2)})
    # c was asked for but could not be measured: what it was before is no longer known to be true
    assert now.after(earlier, {"b", "c"}).rows == {"a": row(1), "b": row(2)}


def test_rows_of_another_host_do_not_stay() -> None:
    earlier = Results({"cores": "8"}, {"a": row(1)})
    now = Results({"cores": "4"}, {"b": row(2)})
    assert now.after(earlier, {"b"}) == now
    assert now.after(None, {"b"}) == now
