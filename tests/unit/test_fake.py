"""The fake provider: what only it can do. The rest is in the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapes

from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.providers import Power, Shape
from devbox.providers.fake import FakeProvider


class PowerCut(Exception):
    """What happens to a test's devbox at the chosen effect."""


class At:
    """Raises before the chosen effect, and remembers those before it."""

    def __init__(self, effect: str) -> None:
        self.effect = effect
        self.seen: list[str] = []

    def __call__(self, effect: str, name: str) -> None:
        assert name == "api.try.devbox"
        if effect == self.effect:
            raise PowerCut
        self.seen.append(effect)


@pytest.fixture
def wanted(home: Home) -> Shape:
    shapes.lay_out(home, real=False)
    return shapes.identify(shapes.shape(home))


def live(provider: FakeProvider, wanted: Shape) -> None:
    provider.create(wanted)
    provider.start(wanted.mark.domain)
    provider.remark(wanted.mark.but(made=True))
    provider.delete(wanted.mark.domain)


EFFECTS = ["record", "disk", "start", "mark", "stop", "files", "forget"]


def test_the_effects_of_a_machines_life_come_in_this_order(wanted: Shape) -> None:
    at = At("never")
    live(FakeProvider(before=at), wanted)
    assert at.seen == EFFECTS


@pytest.mark.parametrize("effect", EFFECTS)
def test_after_a_power_cut_another_process_completes_or_removes(
    home: Home, wanted: Shape, effect: str
) -> None:
    file = home.root / "fake.json"
    with pytest.raises(PowerCut):
        live(FakeProvider(file, before=At(effect)), wanted)
    after = FakeProvider(file)
    assert len(after.machines()) == (effect != "record")
    after.create(wanted)
    after.start(wanted.mark.domain)
    assert [owned.power for owned in after.machines()] == [Power.RUNNING]
    after.delete(wanted.mark.domain)
    assert not wanted.disk.parent.exists()


def test_a_crash_leaves_its_words_until_the_next_start(wanted: Shape) -> None:
    provider = FakeProvider()
    provider.create(wanted)
    provider.start(wanted.mark.domain)
    provider.crash(wanted.mark.domain, "the stack was smashed")
    assert provider.machines()[0].power is Power.CRASHED
    assert provider.last_words(wanted.mark.domain) == "the stack was smashed"
    provider.start(wanted.mark.domain)
    assert provider.last_words(wanted.mark.domain) == ""


def test_what_is_in_memory_is_gone_with_it(wanted: Shape) -> None:
    FakeProvider().create(wanted)
    assert FakeProvider().machines() == []


def test_the_file_is_its_owners_alone(home: Home, wanted: Shape) -> None:
    file = home.root / "fake.json"
    FakeProvider(file).create(wanted)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_failed_call_writes_nothing_half(tmp_path: Path) -> None:
    file = tmp_path / "fake.json"
    with pytest.raises(DevboxError):
        FakeProvider(file).start("nobody.nowhere.devbox")
    assert FakeProvider(file).machines() == []
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == ["fake.json"]
