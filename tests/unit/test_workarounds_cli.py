"""The verbs below 'workarounds', as far as they go without a machine."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main

from devbox.cli import app
from devbox.cli.outcome import run
from devbox.provision.account import Account, Outcome, WorkaroundReport
from devbox.provision.looking import _play

Devbox = Callable[..., int]
BROKER = "Bad argument: |cluster-mechanism=DIGEST-MD5 ANONYMOUS|"
PROJECT = """\
name: try
network: {cidr: 10.77.0.0/24}
machines:
  api: {box: debian-12, ip: 10.77.0.10}
  app: {box: debian-12, ip: 10.77.0.11}
"""


@pytest.fixture
def devbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Devbox:
    monkeypatch.setenv("DEVBOX_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DEVBOX_PROVIDER", "fake")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["devbox", "-C", str(tmp_path), *map(str, words)])
        return run(app)

    return call


def own_entry(folder: Path, text: str = "") -> None:
    entry = folder / "playbooks" / "workarounds" / "ours"
    entry.mkdir(parents=True)
    for name in ("detect.yml", "fix.yml", "verify.yml"):
        (entry / name).write_text("[]")
    (entry / "workaround.yml").write_text(
        text
        or "summary: Ours\nsymptoms: [it is all broken]\nexplanation: What we know about it, in full.\n"
        "references: ['https://example.org/1']\naffects: {tools: {it: '*'}}\n"
        "status: current\nretire: Not soon.\n"
    )


def test_the_list_has_the_projects_own_entries_too(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_entry(tmp_path)
    assert devbox("workarounds", "list", "--json") == 0
    names = [entry["name"] for entry in json.loads(capsys.readouterr().out)]
    assert {"ours", "qpidd-cluster-mechanism"} <= set(names)
    assert devbox("workarounds", "list") == 0
    assert "Ours" in capsys.readouterr().out


def test_a_broken_entry_is_told_with_its_place(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_entry(tmp_path, "summary: Ours\nstatus: old\n")
    assert devbox("workarounds", "list") == 2
    told = capsys.readouterr().err
    assert "workaround.yml:2: status: 'old' is no status" in told
    assert "the key 'symptoms' is missing" in told


def test_show_has_all_that_is_known(devbox: Devbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert devbox("workarounds", "show", "debian-uwsgi-processes") == 0
    shown = capsys.readouterr().out
    for part in ("Symptoms:", "Affects:", "workaround_uwsgi_processes: 2", "References:", "May go: When"):
        assert part in shown
    assert devbox("workarounds", "show", "debian-uwsgi-processes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["affects"]["families"] == ["Debian"]


def test_show_refuses_what_is_not_there(devbox: Devbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert devbox("workarounds", "show", "debian-uwsgi") == 2
    assert "did you mean 'debian-uwsgi-processes'?\n" in capsys.readouterr().err


def test_explain_names_the_entry(devbox: Devbox, capsys: pytest.CaptureFixture[str]) -> None:
    assert devbox("workarounds", "explain", BROKER) == 0
    assert capsys.readouterr().out.startswith("qpidd-cluster-mechanism: ")
    assert devbox("workarounds", "explain", BROKER, "--json") == 0
    best, *_ = json.loads(capsys.readouterr().out)
    assert best["name"] == "qpidd-cluster-mechanism"
    assert best["met"] in best["symptoms"]


def test_explain_reads_a_log(
    devbox: Devbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = f"one\nqpidd[1]: {BROKER}\n\xff".encode("latin-1")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(log)))
    assert devbox("workarounds", "explain", "-") == 0
    assert capsys.readouterr().out.startswith("qpidd-cluster-mechanism: ")


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_explain_says_what_to_do_where_nothing_is_known(
    devbox: Devbox, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert devbox("workarounds", "explain", "the moon is full", *words) == 1
    told = capsys.readouterr()
    assert "No workaround has a symptom" in told.err
    assert "'devbox workarounds list'" in told.err
    assert told.out == ("[]\n" if words else "")


def test_check_refuses_before_it_touches_anything(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devbox.yml").write_text(PROJECT)
    assert devbox("workarounds", "check", "apo") == 2
    assert "has no machine 'apo'" in capsys.readouterr().err
    assert devbox("workarounds", "check", "api") == 2
    assert "'api' was not made yet" in capsys.readouterr().err
    assert devbox("workarounds", "check", "api", "nope") == 2
    assert "no workaround 'nope'" in capsys.readouterr().err


def test_devbox_yml_may_skip_only_what_there_is(
    devbox: Devbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "devbox.yml").write_text(PROJECT + "workarounds: {skip: [qpidd-cluster-mechanism]}\n")
    assert devbox("validate") == 0
    (tmp_path / "devbox.yml").write_text(PROJECT + "workarounds: {skip: [qpid-cluster-mechanism]}\n")
    assert devbox("validate") == 2
    told = capsys.readouterr().err
    assert "workarounds.skip[0]: there is no workaround 'qpid-cluster-mechanism'; did you mean" in told


@pytest.mark.parametrize(
    "verb, parameter, incomplete, expected",
    [
        ("check", "machine", "a", ["api", "app"]),
        ("check", "machine", "ap", ["api", "app"]),
        ("check", "machine", "x", []),
        ("check", "names", "qpidd", ["qpidd-cluster-mechanism"]),
        ("show", "name", "debian-u", ["debian-uwsgi-processes"]),
    ],
)
def test_the_shell_completes_names(
    tmp_path: Path, verb: str, parameter: str, incomplete: str, expected: list[str]
) -> None:
    (tmp_path / "devbox.yml").write_text(PROJECT)
    assert completions(tmp_path, verb, parameter, incomplete) == expected


def test_the_shell_completes_nothing_where_there_is_no_project(tmp_path: Path) -> None:
    assert completions(tmp_path, "check", "machine", "") == []


def completions(directory: Path, verb: str, parameter: str, incomplete: str) -> list[str]:
    """As the shell asks for them: the words before are parsed, no function runs."""
    root = typer.main.get_command(app)
    context = root.make_context("devbox", ["-C", str(directory), "workarounds"], resilient_parsing=True)
    group = root.commands["workarounds"]  # type: ignore[attr-defined]
    within = group.make_context("workarounds", [verb], parent=context, resilient_parsing=True)
    command = group.commands[verb]
    inside = command.make_context(verb, [], parent=within, resilient_parsing=True)
    asked = next(one for one in command.params if one.name == parameter)
    return [found.value for found in asked.shell_complete(inside, incomplete)]


def test_only_what_was_found_gets_a_line_of_its_own() -> None:
    account = Account()
    for outcome in ("applied", "not found"):
        told = {"event": "workaround", "host": "api", "name": "x", "outcome": outcome, "reason": "it is so"}
        event = account.take(json.dumps(told))
        assert event is not None
        assert (event.kind == "note") is (outcome == "applied")
        assert event.text == f"workaround x: {outcome}, because it is so"
        assert event.subject == "machine.api"
    assert account.workarounds == [
        WorkaroundReport("api", "x", Outcome.APPLIED, "it is so"),
        WorkaroundReport("api", "x", Outcome.NOT_FOUND, "it is so"),
    ]


def test_looking_applies_nothing_and_skips_nothing(tmp_path: Path) -> None:
    [task] = _play(["one"], tmp_path)["tasks"]
    assert task["vars"]["workarounds_apply"] is False
    assert task["vars"]["workarounds_skip"] == []
    assert task["vars"]["workarounds_folders"][0] == str(tmp_path / "playbooks" / "workarounds")
