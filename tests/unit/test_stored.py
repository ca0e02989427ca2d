"""What stands on what, and the views of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shelves import key, put, write_disk
from world import Made, make_world

from devbox.listing import image_rows, store_tree
from devbox.paths import Home
from devbox.store import Shelf
from devbox.stored import Stock, Thing, take_stock

IMAGE, LAYER, TEMPLATE, CHECKPOINT = (key(number) for number in (1, 2, 3, 4))


@pytest.fixture
def made(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    monkeypatch.setenv("DEVBOX_HOME", str(home.root))
    monkeypatch.setenv("DEVBOX_PROVIDER", "fake")
    return Made(make_world(home, tmp_path, file=home.root / "fake.json"))


def fill(made: Made) -> None:
    """An image, a layer, a template and a checkpoint, one on another; the machine 'api' on the layer."""
    home = made.world.home
    image = put(home, Shelf.IMAGES, IMAGE, box="debian-12")
    layer = put(home, Shelf.LAYERS, LAYER, image, label="debian-12+glance", parent=IMAGE, image=IMAGE)
    put(home, Shelf.TEMPLATES, TEMPLATE, layer, label="debian-12+glance", base=LAYER)
    checkpoint = home.checkpoints / CHECKPOINT
    write_disk(checkpoint / "api" / "disk.qcow2", layer)
    (checkpoint / "manifest.json").write_text(json.dumps({"name": "before", "machines": {"api": {}}}))
    made.machine()
    write_disk(made.world.paths.machine("api").disk, layer)


def short(rows: list[dict[str, object]]) -> object:
    return [(row["kind"], row["name"], row["in_use"], short(row["above"])) for row in rows]  # type: ignore[arg-type]


def test_the_tree_has_everything_on_what_it_stands(made: Made) -> None:
    fill(made)
    on_the_layer: list[object] = [
        ("template", "debian-12+glance", False, []),
        ("checkpoint", "before", False, []),
        ("machine", "api.shop.devbox", True, []),
    ]
    layer = ("layer", "debian-12+glance", True, on_the_layer)
    tree = {row["key"]: row for row in store_tree()}
    assert short([tree[IMAGE]]) == [("image", "debian-12", True, [layer])]


def test_machines_count_for_the_image_below_their_layer(made: Made) -> None:
    fill(made)
    (row,) = (row for row in image_rows() if row["key"] == IMAGE)
    assert (row["box"], row["machines"]) == ("debian-12", 1)


def test_a_saved_checkpoint_is_in_use_and_on_all_that_its_machines_stand_on(made: Made) -> None:
    home = made.world.home
    disks = [put(home, Shelf.IMAGES, key(number), box=f"box-{number}") for number in (1, 2)]
    saved = made.world.paths.checkpoints / "good"
    for number, disk in enumerate(disks):
        write_disk(saved / f"machine{number}" / "disk.qcow2", disk)
    tree = {row["name"]: row for row in store_tree() if row["above"]}
    for name in ("box-1", "box-2"):
        assert short([tree[name]]) == [("image", name, True, [("saved checkpoint", "good.shop", True, [])])]


def test_what_is_suspended_or_half_made_holds_what_it_stands_on(made: Made) -> None:
    made.machine()
    paths = made.world.paths
    home = made.world.home
    disks = [put(home, Shelf.LAYERS, key(number)) for number in range(1, 5)]
    write_disk(paths.machine("api").suspended / "disk.qcow2", disks[0])
    write_disk(paths.machine("api").root / ".disk.qcow2.new", disks[1])
    write_disk(paths.freezing / "api" / "disk.qcow2", disks[2])
    stock = take_stock(home, made.world.provider.machines())
    assert {disk.parent for disk in disks} & stock.in_use == {disk.parent for disk in disks[:3]}


def test_a_home_behind_a_link_is_the_same_home(made: Made, tmp_path: Path) -> None:
    fill(made)
    link = tmp_path / "link"
    link.symlink_to(made.world.home.root)
    stock = take_stock(Home(link), made.world.provider.machines())
    assert {link / "images" / IMAGE, link / "layers" / LAYER} <= stock.in_use


def test_manifests_tell_where_a_disk_does_not(made: Made) -> None:
    home = made.world.home
    put(home, Shelf.IMAGES, IMAGE, box="debian-12")
    put(home, Shelf.LAYERS, LAYER, parent=IMAGE)
    put(home, Shelf.CHECKPOINTS, CHECKPOINT, machines={"api": {"base": LAYER}, "web": "?"})
    stock = take_stock(home, [])
    assert stock.below[home.checkpoints / CHECKPOINT] == {home.layers / LAYER, home.images / IMAGE}


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"machines": 3}', '{"machines": {"a": []}}'])
def test_a_manifest_that_says_nothing_is_no_obstacle(made: Made, text: str | None) -> None:
    folder = made.world.home.layers / LAYER
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "manifest.json").write_text(text)
    (thing,) = (thing for thing in take_stock(made.world.home, []).things if thing.key == LAYER)
    assert (thing.kind, thing.name, thing.bases) == ("layer", "unreadable", frozenset())


def test_things_that_claim_to_stand_on_each_other_end_nothing() -> None:
    one, two = Path("/store/one"), Path("/store/two")
    stock = Stock(
        (
            Thing("layer", "one", one, "1", bases=frozenset({two})),
            Thing("layer", "two", two, "2", bases=frozenset({one})),
        )
    )
    assert stock.below == {one: frozenset({two}), two: frozenset({one})}
    assert stock.in_use == frozenset()
