"""The program as far as it goes without a machine: what it says, its exit status, an untouched world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bad.table import Case, cases, good
from shelves import key, put

from devbox import __version__, seals
from devbox.cli import app, verbs
from devbox.cli.outcome import run
from devbox.paths import Home
from devbox.store import Shelf

Devbox = Callable[..., int]
VERBS = {
    *("init", "validate", "plan", "up", "provision", "status", "ssh", "exec", "cp", "logs", "console"),
    *("start", "stop", "reset", "destroy", "boxes", "build", "images", "playbooks", "doctor", "gc"),
}
TABLE = [case for case in cases() if not case.small]


@pytest.fixture
def devbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Devbox:
    """Run the program in this process with a home that does not exist; machines would be fakes."""
    monkeypatch.setenv("DEVBOX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEVBOX_PROVIDER", "fake")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["devbox", *map(str, words)])
        return run(app)

    return call


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_bad_input_is_told_with_its_place_and_nothing_is_touched(
    case: Case, devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    case.write(project)
    before = sorted(project.rglob("*"))
    assert devbox("-C", project, "up") == 2
    told = capsys.readouterr()
    # A devbox.yml that is missing altogether is told by its name alone.
    places = [start for start in case.says if case.subject in case.files or case.folder]
    assert told.out == ""
    for start in places:
        assert start in told.err
    assert "nothing was changed" in told.err or "There is no 'devbox.yml'" in told.err
    assert "Traceback" not in told.err
    assert sorted(project.rglob("*")) == before
    assert not (tmp_path / "home").exists()


def test_every_verb_of_the_product_is_there() -> None:
    assert set(verbs()) >= VERBS


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_has_help_with_examples(
    verb: str, devbox: Devbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert devbox(verb, "--help") == 0
    text = capsys.readouterr().out
    assert "Examples:" in text
    assert f"devbox {verb}" in text


def test_the_version(devbox: Devbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert devbox("--version") == 0
    assert capsys.readouterr().out == f"devbox {__version__}\n"


@pytest.mark.parametrize("words", [["upp"], ["up", "--fast"], ["exec"], ["logs", "-n", "many"]])
def test_a_wrong_command_line_has_status_2(
    words: list[str], devbox: Devbox, capsys: pytest.CaptureFixture[str]
) -> None:
    assert devbox(*words) == 2
    assert "Error" in capsys.readouterr().err


def test_validate_accepts_and_says_so(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good().write(tmp_path)
    assert devbox("-C", tmp_path, "validate", "--json") == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True


def test_validate_prints_the_schemas(devbox: Devbox, capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("environment", "box"):
        assert devbox("validate", "--schema", "--of", kind) == 0
        assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_init_writes_a_valid_file_once(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "Web_Shop"
    project.mkdir()
    assert devbox("-C", project, "init") == 0
    written = (project / "devbox.yml").read_bytes()
    assert devbox("-C", project, "validate") == 0
    assert "web-shop" in capsys.readouterr().out
    assert devbox("-C", project, "init", "--name", "other") == 2
    assert "exists already" in capsys.readouterr().err
    assert (project / "devbox.yml").read_bytes() == written


@pytest.mark.parametrize(
    "words,told",
    [
        (["exec", "api", "--", "true"], "was not made yet"),
        (["stop"], "was not made yet"),
        (["start"], "was not made yet"),
        (["logs"], "No playbook was run yet"),
        (["logs", "api"], "has written no console yet"),
        (["exec", "apy", "--", "true"], "has no machine 'apy'"),
        (["cp", "a", "b"], "must be in a machine"),
        (["build", "debian-1"], "There is no box 'debian-1'"),
    ],
)
def test_what_can_not_be_done_yet_is_refused_with_the_way_on(
    words: list[str], told: str, devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devbox.yml").write_text(
        "name: shop\nnetwork: {cidr: 10.99.0.0/24}\n"
        "machines:\n  api: {box: debian-12, ip: 10.99.0.10, memory: 512MiB}\n"
    )
    assert devbox("-C", tmp_path, *words) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "next: " in said


def test_status_of_what_was_never_made(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devbox.yml").write_text(
        "name: shop\nnetwork: {cidr: 10.99.0.0/24}\nmachines:\n  api: {box: debian-12, ip: 10.99.0.10}\n"
    )
    assert devbox("-C", tmp_path, "status", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["state"], row["ip"]) == ("api.shop.devbox", "missing", "10.99.0.10")


@pytest.fixture
def stocked(tmp_path: Path) -> Home:
    """An image and a layer on it that nobody uses, in the home of this test."""
    home = Home(tmp_path / "home")
    image = put(home, Shelf.IMAGES, key(1), box="debian-12", days=40)
    put(home, Shelf.LAYERS, key(2), image, label="debian-12+glance", days=20)
    return home


def test_images_as_a_tree(devbox: Devbox, stocked: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert devbox("images", "--tree") == 0
    image, layer = capsys.readouterr().out.splitlines()
    assert image.startswith(f"image  debian-12  {key(1)[:12]}  ")
    assert image.endswith("unused for 40 days")
    assert f"── layer  debian-12+glance  {key(2)[:12]}  " in layer
    assert devbox("images", "--tree", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert [above["key"] for above in row["above"]] == [key(2)]
    assert devbox("images", "--tree", "--verify") == 2


def test_damage_is_found_named_and_collected(
    devbox: Devbox, stocked: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert devbox("images", "--verify") == 0
    assert devbox("images", "--verify", "--json") == 0
    disk = stocked.layers / key(2) / "disk.qcow2"
    disk.write_bytes(disk.read_bytes() + b"x")
    capsys.readouterr()
    assert devbox("images", "--verify", "--json") == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["kind"], row["path"]) == ("layer", str(disk))
    assert devbox("images", "--verify") == 1
    said = capsys.readouterr().err
    assert str(disk) in said
    assert "devbox gc --damaged" in said
    assert devbox("gc", "--damaged", "--older-than", "50") == 0
    assert f"removed damaged layer '{key(2)[:12]}'" in capsys.readouterr().out
    assert (stocked.images / key(1)).exists()
    assert devbox("images", "--verify") == 0


def test_a_damaged_thing_in_use_stays_and_is_a_failure(
    devbox: Devbox, stocked: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = stocked.environment("shop").checkpoints / "good"
    saved.mkdir(parents=True)
    (saved / "manifest.json").write_text(json.dumps({"machines": {"api": {"base": key(2)}}}))
    seals.seal(saved)
    disk = stocked.layers / key(2) / "disk.qcow2"
    disk.write_bytes(disk.read_bytes() + b"x")
    assert devbox("gc", "--damaged", "--older-than", "0") == 1
    said = capsys.readouterr()
    assert said.out == "0 MiB freed.\n"
    assert str(disk) in said.err
    assert disk.exists()


def test_gc_shrinks_the_store_to_a_size(
    devbox: Devbox, stocked: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert devbox("gc", "--max-size", "1KiB", "--older-than", "1000", "--dry-run", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["what"], row["name"]) for row in rows] == [
        ("unused layer", key(2)[:12]),
        ("unused image", key(1)[:12]),
    ]
    assert devbox("gc", "--max-size", "1GiB", "--older-than", "1000") == 0
    assert (stocked.images / key(1)).exists()
    assert devbox("gc", "--max-size", "much") == 2
    assert "'much' is no size" in capsys.readouterr().err


def test_a_bug_leaves_a_report_and_status_3(
    devbox: Devbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("nobody thought of this")

    monkeypatch.setattr("devbox.reading.parsing.find_file", broken)
    monkeypatch.setattr("devbox.session.find_file", broken)
    assert devbox("-C", tmp_path, "plan") == 3
    (report,) = (tmp_path / "home" / "bugs").iterdir()
    assert "nobody thought of this" in report.read_text()
    assert str(report) in capsys.readouterr().err
