"""The program as far as it goes without a machine: what it says, its exit status, an untouched world."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bad.table import Case, cases, good

from devbox import __version__
from devbox.cli import app, verbs
from devbox.cli.outcome import run

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
