from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from devbox import locks
from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.store import Shelf, Store, age_days, disk_usage

KEY = "a1" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(Home(tmp_path / "home"))


def nobody(holder: str) -> None:
    raise AssertionError(f"had to wait for {holder}")


def fill(folder: Path) -> None:
    (folder / "disk").write_bytes(b"x" * 5000)


def test_a_thing_is_made_once(store: Store) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        fill(folder)

    store.obtain("image", KEY, make, nobody)
    folder = store.obtain("image", KEY, make, nobody)
    assert len(made) == 1
    assert (folder / "disk").read_bytes() == b"x" * 5000
    assert store.stored() == [KEY]
    assert list(store.home.staging.iterdir()) == []


def test_folders_are_the_users_alone(store: Store) -> None:
    folder = store.obtain("image", KEY, fill, nobody)
    assert [oct(path.stat().st_mode & 0o777) for path in (store.home.root, store.home.images, folder)] == [
        "0o700"
    ] * 3


def test_a_failed_build_leaves_nothing(store: Store) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise DevboxError("The build failed.")

    with pytest.raises(DevboxError, match="The build failed"):
        store.obtain("image", KEY, fail, nobody)
    assert store.find(KEY) is None
    assert store.leftovers() == []


def test_a_full_disk_is_told_with_the_place_and_the_way_out(store: Store) -> None:
    def full(folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DevboxError, match="No space left on device") as failed:
        store.obtain("image", KEY, full, nobody)
    assert str(store.home.root) in failed.value.message
    assert "devbox gc" in failed.value.advice


def test_the_second_of_two_waits_and_shares_the_first_ones_build(store: Store) -> None:
    begun, go_on = threading.Event(), threading.Event()
    waited: list[str] = []

    def slow(folder: Path) -> None:
        begun.set()
        go_on.wait(30)
        fill(folder)

    def must_not(folder: Path) -> None:
        raise AssertionError("built twice")

    first = threading.Thread(target=store.obtain, args=("image", KEY, slow, nobody))
    first.start()
    begun.wait(30)

    def waiting(holder: str) -> None:
        waited.append(holder)
        go_on.set()

    assert store.obtain("image", KEY, must_not, waiting).is_dir()
    first.join()
    assert "building image" in waited[0]
    assert str(os.getpid()) in waited[0]


def test_what_a_killed_build_left_is_found_and_a_running_one_is_not(store: Store) -> None:
    store.home.staging.mkdir(parents=True)
    dead, alive = store.home.staging / f"{'b' * 16}.dead", store.home.staging / f"{KEY[:16]}.alive"
    dead.mkdir()
    alive.mkdir()
    with locks.held(store.home.locks / f"{KEY}.lock", doing="building", waiting=nobody):
        assert store.leftovers() == [dead]
    assert store.leftovers() == [alive, dead]


def test_a_sweep_takes_what_nobody_fills_and_leaves_the_rest(store: Store) -> None:
    names = {name: store.home.staging / f"{name}.x" for name in ("dead", KEY[:16], "doomed")}
    for folder in names.values():
        folder.mkdir(parents=True)
    with locks.held(store.home.locks / f"{KEY}.lock", doing="building", waiting=nobody):
        store.sweep()
    assert sorted(store.home.staging.iterdir()) == sorted([names[KEY[:16]], names["doomed"]])


def test_removing_frees_what_it_says(store: Store) -> None:
    folder = store.obtain("image", KEY, fill, nobody)
    size = disk_usage(folder)
    assert size >= 5000
    assert store.remove(KEY) == size
    assert store.find(KEY) is None
    assert store.leftovers() == []


def test_each_shelf_has_a_folder_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shelves = {shelf: Store(home, shelf) for shelf in Shelf}
    for shelf, store in shelves.items():
        folder = store.obtain(str(shelf), f"{shelf}-key", fill, nobody)
        assert folder == home.root / shelf / f"{shelf}-key"
    for shelf, store in shelves.items():
        assert store.stored() == [f"{shelf}-key"]
        assert [other for other in Shelf if store.find(f"{other}-key")] == [shelf]
    shelves[Shelf.LAYERS].remove("layers-key")
    assert [len(store.stored()) for store in shelves.values()] == [1, 0, 1, 1]


def test_using_a_thing_is_noted_on_its_own_shelf(tmp_path: Path) -> None:
    store = Store(Home(tmp_path / "home"), Shelf.TEMPLATES)
    folder = store.obtain("template", KEY, fill, nobody)
    os.utime(folder, (1000, 1000))
    assert store.last_used(KEY) == 1000
    os.utime(store.root / KEY)
    assert age_days(store.last_used(KEY)) < 1
