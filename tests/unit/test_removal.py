from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelves import key, put, write_disk
from world import API, KEY, Made, make_world

from devbox import locks, process, qcow2
from devbox.admission import check
from devbox.errors import Refused
from devbox.events import silent
from devbox.listing import machine_rows
from devbox.paths import Home
from devbox.removal import (
    Removed,
    _drop,
    collect,
    destroy_environment,
    environment_machines,
    survey,
    unneeded,
)
from devbox.session import Session
from devbox.store import Shelf, Store, disk_usage
from devbox.units import Size


@pytest.fixture
def made(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """An environment 'shop' with one running machine, in a home that the whole process takes for its own."""
    monkeypatch.setenv("DEVBOX_HOME", str(home.root))
    monkeypatch.setenv("DEVBOX_PROVIDER", "fake")
    return Made(make_world(home, tmp_path, file=home.root / "fake.json"))


def gc(
    *, older_than: float = 30, dry_run: bool = False, max_size: int | None = None, damaged: bool = False
) -> list[Removed]:
    size = None if max_size is None else Size(max_size)
    return collect(older_than_days=older_than, dry_run=dry_run, max_size=size, damaged=damaged).removed


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
    (found,) = gc(dry_run=True)
    assert (found.what, found.name) == ("files of a machine that is gone", "lost.shop")
    assert found.bytes >= 9000
    assert orphan.exists()
    assert names(gc()) == names([found])
    assert not orphan.exists()
    assert made.world.paths.machine("api").disk.exists()


def test_gc_leaves_an_environment_alone_that_somebody_works_on(made: Made) -> None:
    made.world.paths.machine("new").root.mkdir(parents=True)
    with locks.held(made.world.paths.lock, doing="up", waiting=lambda _: None):
        assert gc() == []
    assert names(gc()) == [("environment without machines", "shop")]


def test_gc_removes_old_images_that_nothing_stands_on(made: Made) -> None:
    made.machine()
    images = made.world.home.images
    old, young = images / ("d1" * 32), images / ("e1" * 32)
    for folder in (old, young):
        folder.mkdir()
        (folder / "disk.qcow2").write_bytes(b"x")
    for folder in (old, images / KEY):
        os.utime(folder, (0, time.time() - 40 * 86400))
    assert names(gc()) == [("unused image", "d1d1d1d1d1d1")]
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


def stored(home: Home) -> set[str]:
    return {one for shelf in Shelf for one in Store(home, shelf).stored()} - {KEY}


def test_gc_keeps_what_a_young_thing_stands_on_and_takes_the_rest_from_the_top(made: Made) -> None:
    home = made.world.home
    image = put(home, Shelf.IMAGES, key(1), days=90)
    layer = put(home, Shelf.LAYERS, key(2), image, days=90)
    put(home, Shelf.TEMPLATES, key(3), layer, days=1)
    put(home, Shelf.LAYERS, key(4), image, days=90)
    put(home, Shelf.CHECKPOINTS, key(5), layer, days=90)
    expected = [("unused checkpoint", key(5)[:12]), ("unused layer", key(4)[:12])]
    assert sorted(names(gc(dry_run=True))) == expected
    assert sorted(names(gc())) == expected
    assert stored(home) == {key(1), key(2), key(3)}
    tops_first = [
        ("unused template", key(3)[:12]),
        ("unused layer", key(2)[:12]),
        ("unused image", key(1)[:12]),
    ]
    assert [one for one in names(gc(older_than=0)) if one[1] != KEY[:12]] == tops_first


def test_gc_keeps_what_is_being_built(made: Made) -> None:
    put(made.world.home, Shelf.LAYERS, key(1), days=90)
    with locks.held(made.world.home.locks / f"{key(1)}.lock", doing="building", waiting=lambda _: None):
        assert gc() == []
    assert names(gc()) == [("unused layer", key(1)[:12])]


def test_gc_keeps_an_environment_with_saved_checkpoints(made: Made) -> None:
    home = made.world.home
    image = put(home, Shelf.IMAGES, key(1), days=90)
    disk = write_disk(made.world.paths.checkpoints / "good" / "api" / "disk.qcow2", image)
    assert gc() == []
    assert qcow2.chain(disk) == [disk, image]
    assert image.exists()


def test_files_of_a_machine_that_is_gone_hold_nothing_unless_something_stands_on_them(made: Made) -> None:
    made.machine()
    home, paths = made.world.home, made.world.paths
    images = [put(home, Shelf.IMAGES, key(number), days=90) for number in (1, 2)]
    write_disk(paths.machine("lost").disk, images[0])
    needed = write_disk(paths.machine("needed").disk, images[1])
    write_disk(paths.checkpoints / "good" / "api" / "disk.qcow2", needed)
    assert names(gc()) == [("files of a machine that is gone", "lost.shop"), ("unused image", key(1)[:12])]
    assert needed.exists()
    assert images[1].exists()


def test_gc_spares_what_somebody_came_to_use_meanwhile_and_what_that_stands_on(made: Made) -> None:
    home = made.world.home
    image = put(home, Shelf.IMAGES, key(1), days=90)
    layer = put(home, Shelf.LAYERS, key(2), image, days=90)
    put(home, Shelf.TEMPLATES, key(3), layer, days=90)
    stock, _ = survey(home, made.world.provider)
    goes = unneeded(stock, older_than_days=30)
    os.utime(home.layers / key(2))
    assert [thing.key for thing in _drop(home, stock, goes)] == [key(3)]
    assert stored(home) == {key(1), key(2)}


def test_max_size_takes_the_least_recently_used_first(made: Made) -> None:
    home = made.world.home
    sizes = []
    some = 10000  # less than one thing, and more than what the file system rounds
    for number, days in ((1, 3), (2, 9), (3, 6)):
        put(home, Shelf.LAYERS, key(number), days=days, content=os.urandom(20000))
        sizes.append(disk_usage(home.layers / key(number)))
    assert gc(max_size=sum(sizes) + some) == []
    assert names(gc(max_size=sum(sizes) - some)) == [("unused layer", key(2)[:12])]
    assert names(gc(max_size=0))[:2] == [("unused layer", key(3)[:12]), ("unused layer", key(1)[:12])]


def test_max_size_takes_no_old_thing_from_under_a_young_one(made: Made) -> None:
    home = made.world.home
    image = put(home, Shelf.IMAGES, key(1), days=20, content=os.urandom(20000))
    put(home, Shelf.LAYERS, key(2), image, days=2, content=os.urandom(20000))
    size = disk_usage(home.images / key(1)) + disk_usage(home.layers / key(2))
    assert names(gc(max_size=size - 10000)) == [("unused layer", key(2)[:12])]
    assert stored(home) == {key(1)}


def test_damage_goes_with_all_that_stands_on_it_and_is_named_where_it_is_in_use(made: Made) -> None:
    made.machine()
    home = made.world.home
    used, bad, good = (put(home, Shelf.IMAGES, key(number), content=b"x" * 100) for number in (1, 2, 3))
    put(home, Shelf.LAYERS, key(4), bad)
    put(home, Shelf.LAYERS, key(5), good)
    write_disk(made.world.paths.machine("api").disk, used)
    for disk in (used, bad):
        disk.write_bytes(disk.read_bytes()[:-1] + b"y")
    collected = collect(older_than_days=30, dry_run=False, damaged=True)
    assert names(collected.removed) == [("unused layer", key(4)[:12]), ("damaged image", key(2)[:12])]
    assert [one.path for one in collected.damaged] == [used]
    assert stored(home) == {key(1), key(3), key(5)}


def test_an_image_without_a_seal_is_adopted_and_a_layer_is_not(made: Made) -> None:
    home = made.world.home
    for shelf, number in ((Shelf.IMAGES, 1), (Shelf.LAYERS, 2)):
        (put(home, shelf, key(number)).parent / "seal.json").unlink()
    assert names(gc(damaged=True)) == [("damaged layer", key(2)[:12])]
    assert (home.images / key(1) / "seal.json").exists()


SHELVES = st.sampled_from(Shelf)
AGES = st.sampled_from([0, 1, 20, 40, 100])


@st.composite
def forests(draw: st.DrawFn) -> tuple[list[tuple[Shelf, int | None, int]], list[int], list[int]]:
    """Entries as (shelf, index of the one below, days unused); on which are machines, and checkpoints."""
    count = draw(st.integers(1, 9))
    below = [draw(st.none() | st.integers(0, number - 1)) if number else None for number in range(count)]
    entries = [(draw(SHELVES), base, draw(AGES)) for base in below]
    some = st.lists(st.integers(0, count - 1), max_size=2)
    return entries, draw(some), draw(some)


# Drawing examples is slow on a busy host too.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    forest=forests(),
    older_than=st.sampled_from([0, 30]),
    max_size=st.none() | st.sampled_from([0, 20000, 100000]),
    broken=st.sets(st.integers(0, 8), max_size=2),
)
def test_nothing_that_a_machine_or_a_kept_thing_stands_on_ever_goes(
    forest: tuple[list[tuple[Shelf, int | None, int]], list[int], list[int]],
    older_than: float,
    max_size: int | None,
    broken: set[int],
) -> None:
    entries, machines, checkpoints = forest
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        root = Path(name)
        patch.setenv("DEVBOX_HOME", str(root / "home"))
        patch.setenv("DEVBOX_PROVIDER", "fake")
        made = Made(make_world(Home(root / "home"), root, file=root / "home" / "fake.json"))
        made.machine()
        home, paths = made.world.home, made.world.paths
        disks: list[Path] = []
        for number, (shelf, base, days) in enumerate(entries):
            below = None if base is None else disks[base]
            disks.append(put(home, shelf, key(number), below, days=days, content=b"x"))
        users = [write_disk(paths.machine("api").root / f"{at}.qcow2", disks[at]) for at in machines]
        users += [
            write_disk(paths.checkpoints / str(at) / "api" / "disk.qcow2", disks[at]) for at in checkpoints
        ]
        for number in broken & set(range(len(disks))):
            disks[number].write_bytes(disks[number].read_bytes()[:-1] + b"y")

        needed = {disk for user in users for disk in qcow2.chain(user)}
        gc(older_than=older_than, max_size=max_size, damaged=bool(broken))

        left = {disk for disk in disks if disk.exists()}
        assert needed <= left | set(users)
        for disk in [*users, *left]:
            assert all(file.exists() for file in qcow2.chain(disk))
        if older_than == 0:
            assert left == needed - set(users)


@pytest.mark.integration
def test_gc_understands_what_qemu_img_makes(made: Made) -> None:
    made.machine()
    home = made.world.home
    disks: list[Path] = []
    for number, shelf in ((1, Shelf.IMAGES), (2, Shelf.LAYERS), (3, Shelf.TEMPLATES)):
        folder = Store(home, shelf).root / key(number)
        folder.mkdir(parents=True)
        below: list[str | Path] = ["-F", "qcow2", "-b", disks[-1]] if disks else []
        disks.append(folder / "disk.qcow2")
        process.run(["qemu-img", "create", "-q", "-f", "qcow2", *below, disks[-1], "64M"])
    machine = made.world.paths.machine("api").disk
    machine.unlink()
    process.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disks[1], machine])
    assert names(gc(older_than=0)) == [("unused template", key(3)[:12])]
    process.run(["qemu-img", "check", machine])
