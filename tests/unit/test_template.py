"""Templates: booted once, frozen, and cloned from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from agents import Request, Said, Talking, answer
from shelves import put, write_disk
from world import API, KEY, make_world

from devbox import qcow2, seals
from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.paths import Home
from devbox.planning import wanted_machines
from devbox.providers import Shape
from devbox.resources import MachineResource, TemplateResource, cloning
from devbox.resources.world import World
from devbox.store import Shelf

pytestmark = pytest.mark.integration


@dataclass
class Studio:
    """A world in which a template is to be made, and what was made for it."""

    world: World
    provider: Talking
    events: list[Event] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    identities: list[bytes] = field(default_factory=list)

    @property
    def machine(self) -> MachineResource:
        return wanted_machines(self.world)[0]

    def create(self) -> None:
        TemplateResource.wanted(self.machine, self.world).create(self.world)

    def texts(self, kind: Kind) -> list[str]:
        return [event.text for event in self.events if event.kind is kind]


@pytest.fixture
def studio(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    provider = Talking()
    world = replace(make_world(home, tmp_path), provider=provider)
    studio = Studio(world, provider)
    studio.world = replace(world, emit=studio.events.append)
    put(home, Shelf.IMAGES, KEY, box="debian-12", cmdline="quiet", virtual_size=1 << 30)
    create, start = provider.create, provider.start

    def noted(shape: Shape) -> None:
        studio.shapes.append(shape)
        create(shape)

    def started(name: str) -> None:
        studio.identities.append(studio.shapes[-1].identity.read_bytes())
        start(name)

    monkeypatch.setattr(provider, "create", noted)
    monkeypatch.setattr(provider, "start", started)
    yield studio
    provider.hang_up()


def test_a_template_is_put_into_the_store_whole_and_nothing_else_is_left(studio: Studio) -> None:
    studio.create()
    frozen = cloning.template_of(studio.machine, studio.world)
    assert frozen is not None
    seals.verify(frozen.folder)
    assert qcow2.backing_file(frozen.disk) == studio.world.home.images / KEY / "disk.qcow2"
    assert frozen.disk.stat().st_nlink == 1
    assert studio.provider.machines() == []
    assert [path for path in studio.world.home.environments.iterdir() if path.is_dir()] == []
    assert studio.texts(Kind.PROGRESS) == ["booting", "freezing"]
    assert studio.texts(Kind.NOTE) == []


def test_who_is_frozen_is_nobody(studio: Studio) -> None:
    """It is reached at no port, and has no name, address or login that a clone could be left with."""
    studio.create()
    (shape,), (archive,) = studio.shapes, studio.identities
    assert shape.forwards == ()
    assert (shape.cpus, shape.memory, shape.disk_size) == (API.cpus, API.memory, API.disk)
    assert b"template\n" in archive
    for own in (b"builder", b"authorized_keys", str(shape.ip).encode()):
        assert own not in archive


def test_there_is_one_for_all_of_a_shape(studio: Studio) -> None:
    studio.create()
    studio.create()
    assert len(studio.shapes) == 1


def test_units_that_failed_are_told_and_stop_nothing(studio: Studio) -> None:
    studio.provider.respond = lambda request: [answer(request, failed=["cloud.service"], jobs=[])]
    studio.create()
    assert "frozen although these units failed: cloud.service" in studio.texts(Kind.PROGRESS)
    assert cloning.template_of(studio.machine, studio.world) is not None


def test_a_machine_that_ends_is_not_waited_for(studio: Studio) -> None:
    def die(effect: str, name: str) -> None:
        if effect == "start":
            studio.shapes[-1].console.write_text("Kernel panic")

    def crash(_: Request) -> Said:
        studio.provider.crash(studio.shapes[-1].mark.domain, "")
        return []

    studio.provider._before = die
    studio.provider.respond = crash
    studio.create()
    (note,) = studio.texts(Kind.NOTE)
    assert note.startswith("There will be no template, so machines boot: ")
    assert "ended. Kernel panic" in note
    assert cloning.template_of(studio.machine, studio.world) is None


@pytest.mark.parametrize("effect", ["disk", "start", "pause", "freeze", "stop"])
def test_what_fails_is_told_and_leaves_nothing(studio: Studio, effect: str) -> None:
    failed: list[str] = []

    def fail(seen: str, name: str) -> None:
        if seen == effect and not failed:
            failed.append(seen)
            raise DevboxError("The disk is full.")

    studio.provider._before = fail
    studio.create()
    assert ["The disk is full." in text for text in studio.texts(Kind.NOTE)] == [True]
    assert cloning.template_of(studio.machine, studio.world) is None
    assert studio.provider.machines() == []
    assert list(studio.world.home.staging.iterdir()) == []
    studio.create()
    assert cloning.template_of(studio.machine, studio.world) is not None


def failed(studio: Studio) -> Path:
    """The folder of a template that did not thaw."""
    studio.create()
    frozen = cloning.template_of(studio.machine, studio.world)
    assert frozen is not None
    frozen.state.rename(frozen.folder / "state.failed")
    return frozen.folder


def test_a_template_that_did_not_thaw_is_made_anew(studio: Studio) -> None:
    folder = failed(studio)
    studio.create()
    assert cloning.template_of(studio.machine, studio.world) is not None
    assert not (folder / "state.failed").exists()
    seals.verify(folder)


@pytest.mark.parametrize(
    "place",
    ["environments/other/machines/api", "environments/other/checkpoints/good/api", "checkpoints/c5/api"],
)
def test_the_disk_of_a_failed_template_stays_while_something_stands_on_it(studio: Studio, place: str) -> None:
    folder = failed(studio)
    write_disk(studio.world.home.root / place / "disk.qcow2", folder / "disk.qcow2")
    studio.create()
    assert ["still stand on its disk" in text for text in studio.texts(Kind.NOTE)] == [True]
    assert (folder / "disk.qcow2").exists()
