from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from world import API, KEY, Made, make_world

from devbox import locks
from devbox.admission import check
from devbox.errors import Refused
from devbox.events import silent
from devbox.listing import machine_rows
from devbox.paths import Home
from devbox.removal import Removed, collect, destroy_environment, environment_machines
from devbox.session import Session


@pytest.fixture
def made(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """An environment 'shop' with one running machine, in a home that the whole process takes for its own."""
    monkeypatch.setenv("DEVBOX_HOME", str(home.root))
    monkeypatch.setenv("DEVBOX_PROVIDER", "fake")
    return Made(make_world(home, tmp_path, file=home.root / "fake.json"))


def names(removed: list[Removed]) -> list[tuple[str, str]]:
    return [(one.what, one.name) for one in removed]


def test_destroy_removes_machines_and_files_and_can_be_repeated(made: Made) -> None:
    made.machine()
    assert environment_machines("shop") == ["api"]
    for _ in range(2):
        destroy_environment("shop", silent)
        assert environment_machines("shop") == []
        assert not made.world.paths.root.exists()


def test_destroy_removes_half_made_machines_too(made: Made) -> None:
    made.machine(made=False)
    destroy_environment("shop", silent)
    assert environment_machines("shop") == []


def test_gc_removes_files_of_machines_that_are_gone_and_no_others(made: Made) -> None:
    made.machine()
    orphan = made.world.paths.machine("lost").root
    orphan.mkdir()
    (orphan / "disk.qcow2").write_bytes(b"x" * 9000)
    (found,) = collect(older_than_days=30, dry_run=True)
    assert (found.what, found.name) == ("files of a machine that is gone", "lost.shop")
    assert found.bytes >= 9000
    assert orphan.exists()
    assert names(collect(older_than_days=30, dry_run=False)) == names([found])
    assert not orphan.exists()
    assert made.world.paths.machine("api").disk.exists()


def test_gc_leaves_an_environment_alone_that_somebody_works_on(made: Made) -> None:
    made.world.paths.machine("new").root.mkdir(parents=True)
    with locks.held(made.world.paths.lock, doing="up", waiting=lambda _: None):
        assert collect(older_than_days=30, dry_run=False) == []
    assert names(collect(older_than_days=30, dry_run=False)) == [("environment without machines", "shop")]


def test_gc_removes_old_images_that_nothing_stands_on(made: Made) -> None:
    made.machine()
    images = made.world.home.images
    old, young = images / ("d1" * 32), images / ("e1" * 32)
    for folder in (old, young):
        folder.mkdir()
        (folder / "disk.qcow2").write_bytes(b"x")
    for folder in (old, images / KEY):
        os.utime(folder, (0, time.time() - 40 * 86400))
    assert names(collect(older_than_days=30, dry_run=False)) == [("unused image", "d1d1d1d1d1d1")]
    assert sorted(images.iterdir()) == sorted([images / KEY, young])


def test_another_devbox_yml_may_not_take_over_a_name(made: Made, tmp_path: Path) -> None:
    made.machine()
    paths = made.world.paths
    paths.origin.write_text(json.dumps({"file": "/elsewhere/devbox.yml"}))
    with pytest.raises(Refused, match=r"belongs to '/elsewhere/devbox.yml'") as refused:
        check(made.world)
    assert "devbox destroy --name shop" in refused.value.advice
    paths.origin.write_text(json.dumps({"file": str(made.world.environment.file)}))
    check(made.world)


def test_more_memory_than_is_free_is_refused_with_the_numbers(made: Made) -> None:
    greedy = made.with_memory(2**50)
    with pytest.raises(Refused, match="1073741824 MiB of memory") as refused:
        check(greedy)
    assert "devbox status --all" in refused.value.advice


def test_rows_tell_missing_running_and_forgotten_machines(made: Made) -> None:
    session = Session(made.world)
    assert [(row["machine"], row["state"]) for row in machine_rows(session)] == [("api", "missing")]
    made.machine()
    (row,) = machine_rows(session)
    assert (row["state"], row["ip"], row["urls"]) == ("running", str(API.ip), ["127.77.0.10:8080"])
    forgotten = Session(made.without_machines())
    assert [(row["machine"], row["state"]) for row in machine_rows(forgotten)] == [("api", "running")]
