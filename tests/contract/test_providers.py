"""What every provider must do; the fake and libvirt are held to the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import shapes
from shapes import Bench

from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.providers import Frozen, Power, Provider, Shape, domain_name
from devbox.providers.libvirt import LibvirtProvider, freezing
from devbox.units import Size

BOTH = {Power.STOPPED, Power.CRASHED}


def test_a_new_home_has_no_machines(bench: Bench) -> None:
    assert bench.provider.machines() == []


def test_a_created_machine_is_stopped_and_carries_its_mark(bench: Bench) -> None:
    wanted = bench.made()
    owned = bench.owned(wanted)
    assert owned.mark == wanted.mark
    assert owned.power is Power.STOPPED
    assert owned.forwards == wanted.forwards
    assert owned.accelerator


def test_a_created_machine_has_a_disk_for_its_owner_alone(bench: Bench) -> None:
    wanted = bench.made()
    assert wanted.disk.stat().st_mode & 0o777 == 0o600


def test_every_other_process_sees_the_machine(bench: Bench) -> None:
    wanted = bench.made()
    assert bench.owned(wanted, bench.another()) == bench.owned(wanted)


def test_the_mark_is_recorded_before_the_disk_is_made(bench: Bench) -> None:
    wanted = bench.shape(base=bench.home.images / "gone.qcow2")
    with pytest.raises(DevboxError, match=r"gone\.qcow2"):
        bench.provider.create(wanted)
    assert bench.owned(wanted).mark == wanted.mark
    assert not wanted.disk.exists()


def test_what_was_half_created_is_completed(bench: Bench) -> None:
    wanted = bench.shape()
    with pytest.raises(DevboxError):
        bench.provider.create(replace(wanted, base=bench.home.images / "gone.qcow2"))
    bench.provider.create(wanted)
    bench.provider.start(wanted.mark.domain)
    assert bench.owned(wanted).power is Power.RUNNING


def test_what_was_half_created_can_be_deleted(bench: Bench) -> None:
    wanted = bench.shape(base=bench.home.images / "gone.qcow2")
    with pytest.raises(DevboxError):
        bench.provider.create(wanted)
    bench.provider.delete(wanted.mark.domain)
    assert bench.provider.machines() == []


def test_creating_again_keeps_the_disk(bench: Bench) -> None:
    wanted = bench.made()
    before = wanted.disk.stat()
    bench.provider.create(wanted)
    assert (wanted.disk.stat().st_ino, wanted.disk.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(bench.provider.machines()) == 1


def test_creating_again_brings_the_definition_to_the_new_shape(bench: Bench) -> None:
    wanted = bench.made()
    changed = replace(
        wanted,
        mark=wanted.mark.but(spec='{"changed": true}'),
        forwards=(*wanted.forwards, shapes.forward(wanted.ip, 8080, 80)),
    )
    bench.provider.create(changed)
    assert bench.owned(wanted).mark == changed.mark
    assert bench.owned(wanted).forwards == changed.forwards


def test_a_running_machine_keeps_its_forwards_until_it_is_restarted(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    changed = replace(wanted, forwards=(shapes.forward(wanted.ip, 8080, 80),))
    bench.provider.create(changed)
    assert bench.owned(wanted).forwards == wanted.forwards
    bench.provider.kill(wanted.mark.domain)
    bench.provider.start(wanted.mark.domain)
    assert bench.owned(wanted).forwards == changed.forwards


def test_machines_are_listed_by_name(bench: Bench) -> None:
    for number, name in enumerate(("web", "api", "db"), start=10):
        bench.made(name, number)
    assert [owned.mark.machine for owned in bench.provider.machines()] == ["api", "db", "web"]


def test_starting_a_running_machine_leaves_it_alone(bench: Bench) -> None:
    name = bench.made().mark.domain
    bench.provider.start(name)
    bench.provider.start(name)
    assert [owned.power for owned in bench.provider.machines()] == [Power.RUNNING]


def test_a_started_machine_has_a_console_for_its_owner_alone(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    assert wanted.console.stat().st_mode & 0o777 == 0o600


def test_shutting_down_stops_and_can_be_repeated(bench: Bench) -> None:
    wanted = bench.made()
    name = wanted.mark.domain
    bench.provider.start(name)
    bench.provider.shutdown(name, 20)
    assert bench.owned(wanted).power is Power.STOPPED
    bench.provider.shutdown(name, 20)
    assert bench.owned(wanted).power is Power.STOPPED


def test_killing_stops_and_can_be_repeated(bench: Bench) -> None:
    wanted = bench.made()
    name = wanted.mark.domain
    bench.provider.start(name)
    bench.provider.kill(name)
    assert bench.owned(wanted).power is Power.STOPPED
    bench.provider.kill(name)
    assert bench.owned(wanted).power is Power.STOPPED


def test_stopping_never_deletes(bench: Bench) -> None:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    bench.provider.kill(wanted.mark.domain)
    assert wanted.disk.exists()
    bench.provider.start(wanted.mark.domain)
    assert bench.owned(wanted).power is Power.RUNNING


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_deleting_leaves_no_file(bench: Bench, running: bool) -> None:
    before = files(bench.home.environments)
    wanted = bench.made()
    if running:
        bench.provider.start(wanted.mark.domain)
    bench.provider.delete(wanted.mark.domain)
    assert bench.provider.machines() == []
    assert files(bench.home.environments) == before
    assert not [path for path in files(bench.home.root) if wanted.mark.domain in path.name]
    assert not wanted.disk.parent.exists()


def test_deleting_leaves_the_image_and_other_machines(bench: Bench) -> None:
    gone, kept = bench.made("gone", 11), bench.made("kept", 12)
    bench.provider.delete(gone.mark.domain)
    assert [owned.mark for owned in bench.provider.machines()] == [kept.mark]
    assert kept.disk.exists()
    assert kept.base.exists()


def test_deleting_what_is_gone_does_nothing(bench: Bench) -> None:
    name = bench.made().mark.domain
    bench.provider.delete(name)
    bench.provider.delete(name)
    bench.provider.delete(domain_name("never", "was"))


def test_deleting_leaves_files_of_others_in_the_folder(bench: Bench) -> None:
    wanted = bench.made()
    other = wanted.disk.with_name("notes.txt")
    other.write_text("mine")
    bench.provider.delete(wanted.mark.domain)
    assert list(wanted.disk.parent.iterdir()) == [other]
    other.unlink()


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_a_new_mark_replaces_the_old_one(bench: Bench, running: bool) -> None:
    wanted = bench.made()
    if running:
        bench.provider.start(wanted.mark.domain)
    mark = wanted.mark.but(made=True, provisioned='sha256:"ä<&>')
    bench.provider.remark(mark)
    assert bench.owned(wanted).mark == mark
    bench.provider.kill(wanted.mark.domain)
    assert bench.owned(wanted, bench.another()).mark == mark


def test_a_port_in_use_is_named_with_its_address_and_holder(bench: Bench) -> None:
    first = bench.made("first", 10)
    second = bench.made("second", 11, forwards=first.forwards)
    bench.provider.start(first.mark.domain)
    with pytest.raises(DevboxError) as failure:
        bench.provider.start(second.mark.domain)
    for named in ("'second.try.devbox'", "2222", "127.91.0.10", "'first.try.devbox'"):
        assert named in failure.value.message
    assert failure.value.advice
    assert bench.owned(second).power in BOTH
    assert "2222" in bench.provider.last_words(second.mark.domain)


def test_a_port_is_free_again_when_its_machine_stopped(bench: Bench) -> None:
    first = bench.made("first", 10)
    second = bench.made("second", 11, forwards=first.forwards)
    bench.provider.start(first.mark.domain)
    bench.provider.kill(first.mark.domain)
    bench.provider.start(second.mark.domain)
    assert bench.owned(second).power is Power.RUNNING


def test_a_running_machine_has_no_last_words(bench: Bench) -> None:
    name = bench.made().mark.domain
    bench.provider.start(name)
    assert bench.provider.last_words(name) == ""


def test_the_console_command_is_an_argument_list(bench: Bench) -> None:
    wanted = bench.made()
    program, *words = bench.provider.console_command(wanted.mark.domain)
    assert Path(program).is_absolute()
    assert {wanted.mark.domain, str(wanted.console)} & set(words)


MARK = shapes.shape(Home(Path("/nonexistent"))).mark
UNKNOWN = domain_name("nowhere", "nobody")
CALLS: dict[str, Callable[[Provider], object]] = {
    "start": lambda provider: provider.start(UNKNOWN),
    "shutdown": lambda provider: provider.shutdown(UNKNOWN, 1),
    "kill": lambda provider: provider.kill(UNKNOWN),
    "remark": lambda provider: provider.remark(replace(MARK, environment="nowhere", machine="nobody")),
    "last_words": lambda provider: provider.last_words(UNKNOWN),
    "console_command": lambda provider: provider.console_command(UNKNOWN),
}


@pytest.mark.parametrize("call", CALLS)
def test_an_unknown_name_is_refused_with_the_name(bench: Bench, call: str) -> None:
    bench.made()
    with pytest.raises(DevboxError, match=r"'nobody\.nowhere\.devbox'"):
        CALLS[call](bench.provider)


def test_two_providers_work_at_once(bench: Bench) -> None:
    wanted = [bench.shape(f"m{number}", 20 + number) for number in range(4)]
    providers = [bench.provider, bench.another()]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: pair[0].create(pair[1]), zip(providers * 2, wanted, strict=True)))
    assert {owned.mark for owned in bench.provider.machines()} == {one.mark for one in wanted}


def test_two_who_start_one_machine_start_it_once(bench: Bench) -> None:
    name = bench.made().mark.domain
    providers = [bench.provider, bench.another()]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda provider: provider.start(name), providers))
    assert [owned.power for owned in bench.provider.machines()] == [Power.RUNNING]


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_paused_machine_is_on_and_goes_on(bench: Bench) -> None:
    name = _started(bench).mark.domain
    bench.provider.pause(name)
    bench.provider.pause(name)
    assert _power(bench, name) is Power.PAUSED
    bench.provider.resume(name)
    bench.provider.resume(name)
    assert _power(bench, name) is Power.RUNNING


def test_starting_a_paused_machine_lets_it_go_on(bench: Bench) -> None:
    name = _started(bench).mark.domain
    bench.provider.pause(name)
    bench.provider.start(name)
    assert _power(bench, name) is Power.RUNNING


@pytest.mark.parametrize("clones", [True, False])
def test_a_frozen_machine_is_off_and_thaws_paused_as_often_as_wanted(bench: Bench, clones: bool) -> None:
    wanted = _started(bench)
    name, frozen = wanted.mark.domain, Frozen(bench.home.root / "frozen", "")
    bench.provider.pause(name)
    bench.provider.freeze(name, frozen, clones=clones)
    assert _power(bench, name) in BOTH
    assert wanted.disk.exists()
    assert frozen.state.stat().st_size
    assert frozen.memory.exists() is clones
    assert {path.name for path in frozen.folder.iterdir()} <= {"state", "memory"}
    for _ in range(2):
        bench.provider.thaw(name, frozen)
        assert _power(bench, name) is Power.PAUSED
        bench.provider.resume(name)
        assert _power(bench, name) is Power.RUNNING
        bench.provider.kill(name)
    shutil.rmtree(frozen.folder)


def test_what_is_frozen_belongs_to_its_owner_alone(bench: Bench) -> None:
    name, frozen = _started(bench).mark.domain, Frozen(bench.home.root / "frozen", "")
    bench.provider.pause(name)
    bench.provider.freeze(name, frozen)
    if bench.owned(bench.shape()).accelerator != "fake":
        assert {path.stat().st_mode & 0o077 for path in frozen.folder.iterdir()} == {0}
    shutil.rmtree(frozen.folder)


def test_a_state_that_makes_no_sense_leaves_the_machine_off(bench: Bench) -> None:
    wanted = _started(bench)
    name, frozen = wanted.mark.domain, Frozen(bench.home.root / "frozen", "")
    bench.provider.kill(name)
    frozen.folder.mkdir()
    frozen.state.write_text("nonsense")
    with pytest.raises(DevboxError, match="thawed"):
        bench.provider.thaw(name, frozen)
    assert _power(bench, name) in BOTH
    bench.provider.start(name)
    assert _power(bench, name) is Power.RUNNING
    shutil.rmtree(frozen.folder)


def test_a_suspended_machine_goes_on_when_it_is_started(bench: Bench) -> None:
    name = _started(bench).mark.domain
    bench.provider.suspend(name)
    assert _power(bench, name) is Power.SUSPENDED
    assert _power(Bench(bench.home, bench.another(), bench.another), name) is Power.SUSPENDED
    bench.provider.start(name)
    assert _power(bench, name) is Power.RUNNING
    bench.provider.kill(name)
    assert _power(bench, name) in BOTH  # and not what it was suspended to


def test_killing_a_suspended_machine_forgets_what_ran(bench: Bench) -> None:
    name = _started(bench).mark.domain
    bench.provider.suspend(name)
    bench.provider.kill(name)
    assert _power(bench, name) in BOTH


def test_deleting_a_suspended_machine_leaves_no_file(bench: Bench) -> None:
    wanted = _started(bench)
    bench.provider.suspend(wanted.mark.domain)
    bench.provider.delete(wanted.mark.domain)
    assert not wanted.disk.parent.exists()


def test_a_renewed_disk_stands_on_the_new_base(bench: Bench) -> None:
    wanted = bench.made()
    before = wanted.disk.read_bytes()
    base = bench.home.images / "base" / "other.qcow2"
    shutil.copy(wanted.base, base)
    bench.provider.renew(replace(wanted, base=base))
    assert wanted.disk.read_bytes() != before
    assert str(base).encode() in wanted.disk.read_bytes()
    assert wanted.disk.stat().st_mode & 0o777 == 0o600


def test_shapes_that_differ_in_memory_or_processors_have_another_maker(bench: Bench) -> None:
    one = bench.shape()
    assert bench.provider.maker(one) == bench.provider.maker(bench.shape("db", 11))
    assert bench.provider.maker(one) != bench.provider.maker(replace(one, cpus=one.cpus + 1))
    assert bench.provider.maker(one) != bench.provider.maker(replace(one, memory=Size(one.memory * 2)))


def _started(bench: Bench) -> Shape:
    wanted = bench.made()
    bench.provider.start(wanted.mark.domain)
    return wanted


def _power(bench: Bench, name: str) -> Power:
    return next(one.power for one in bench.provider.machines() if one.mark.domain == name)


@pytest.mark.vm
def test_what_a_machine_was_suspended_to_and_is_unreadable_is_an_error_once(libvirt_home: Home) -> None:
    bench = Bench(libvirt_home, LibvirtProvider(libvirt_home), lambda: LibvirtProvider(libvirt_home))
    wanted = _started(bench)
    name = wanted.mark.domain
    try:
        bench.provider.suspend(name)
        (wanted.disk.parent / "suspended" / "state").write_text("nonsense")
        with pytest.raises(DevboxError, match="can't be had back"):
            bench.provider.start(name)
        bench.provider.start(name)
        assert _power(bench, name) is Power.RUNNING
    finally:
        bench.provider.delete(name)


@pytest.mark.vm
def test_a_machine_that_somebody_was_killed_while_thawing_can_be_started(libvirt_home: Home) -> None:
    provider = LibvirtProvider(libvirt_home)
    bench = Bench(libvirt_home, provider, lambda: LibvirtProvider(libvirt_home))
    wanted = bench.made()
    name = wanted.mark.domain
    try:
        provider._act("started", name, lambda found: freezing.start(found, None))
        assert _power(bench, name) in BOTH
        provider.kill(name)
        provider.start(name)
        assert _power(bench, name) is Power.RUNNING
    finally:
        provider.delete(name)
