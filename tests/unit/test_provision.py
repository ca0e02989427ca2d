"""What an Ansible run tells, turned into events, counts and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from devbox.events import Kind
from devbox.provision.account import Account, HostStats, counted_event, failed_event, failure_error, tail
from devbox.provision.settings import MITOGEN, ansible_environment, foreign

PLACE = "/p/playbooks/a.yml:7"
COUNTS = {"ok": 3, "changed": 1, "failures": 0, "unreachable": 0, "skipped": 2, "rescued": 0, "ignored": 0}


def told(account: Account, *events: dict[str, Any]) -> list[Any]:
    return [account.take(json.dumps(event)) for event in events]


def failed(host: str = "api", **more: Any) -> dict[str, Any]:
    return {
        "event": "failed",
        "host": host,
        "task": "Install",
        "path": PLACE,
        "msg": "No such package",
        **more,
    }


def stats(**hosts: dict[str, int]) -> dict[str, Any]:
    return {"event": "stats", "hosts": hosts}


def test_a_task_that_begins_is_progress_of_its_machine() -> None:
    (event,) = told(Account(), {"event": "task", "host": "api", "task": "Install", "path": PLACE})
    assert (event.kind, event.subject, event.text) == (Kind.PROGRESS, "machine.api", "Install")
    assert event.data["path"] == PLACE


def test_a_task_that_ended_says_how_and_how_long() -> None:
    (event,) = told(
        Account(), {"event": "ok", "host": "api", "task": "Install", "changed": True, "seconds": 1.5}
    )
    assert event.seconds == 1.5
    assert event.data["result"] == "changed"


def test_a_retry_is_counted_for_the_reader() -> None:
    (event,) = told(
        Account(), {"event": "retry", "host": "api", "task": "Wait", "attempts": 2, "retries": 10}
    )
    assert event.text == "Wait (attempt 2 of 10)"


def test_counts_by_machine() -> None:
    account = Account()
    told(account, stats(api=COUNTS))
    assert account.stats == {"api": HostStats(ok=3, changed=1, skipped=2)}


@pytest.mark.parametrize("line", ["", "not json", "[1]", '"x"', "{}", '{"event": "unheard-of"}'])
def test_other_lines_are_passed_over(line: str) -> None:
    account = Account()
    assert account.take(line) is None
    assert account == Account()


@pytest.mark.parametrize(
    "event, acted",
    [
        ("task", False),
        ("play", False),
        ("unreachable", False),
        ("ok", True),
        ("failed", True),
        ("skipped", True),
    ],
)
def test_whether_anything_was_done_decides_on_the_fallback(event: str, acted: bool) -> None:
    account = Account()
    told(account, {"event": event, "host": "api", "task": "x"})
    assert account.acted is acted


def test_a_failure_tells_the_whole_story(tmp_path: Path) -> None:
    account = Account()
    told(
        account,
        failed(stdout="out", stderr="E: line 1\nE: line 2", item="foo"),
        stats(api={**COUNTS, "failures": 1}),
    )
    error = failure_error(account, 2, tmp_path / "log")
    assert error.message == "The task 'Install' failed on 'api'."
    for part in (PLACE, "No such package", "E: line 2", "item: foo"):
        assert part in error.details
    assert "devbox provision" in error.advice
    assert str(tmp_path / "log") in error.advice


def test_what_was_rescued_or_ignored_is_not_fatal() -> None:
    account = Account()
    told(account, failed(), failed("db", ignored=True), stats(api={**COUNTS, "rescued": 1}, db=COUNTS))
    assert account.fatal() == []


def test_the_last_failure_of_a_machine_counts() -> None:
    """A rescue that gathers what the service said and then gives up knows more than the first failure."""
    account = Account()
    told(
        account, failed(), failed(msg="It said: no port"), stats(api={**COUNTS, "failures": 1, "rescued": 1})
    )
    assert [failure.message for failure in account.fatal()] == ["It said: no port"]


def test_a_run_that_broke_off_before_it_counted() -> None:
    account = Account()
    told(account, failed())
    assert [failure.host for failure in account.fatal()] == ["api"]


def test_several_machines_are_all_told(tmp_path: Path) -> None:
    account = Account()
    bad = {**COUNTS, "failures": 1}
    told(account, failed("api"), failed("db", msg="Disk full"), stats(api=bad, db=bad))
    error = failure_error(account, 2, tmp_path / "log")
    assert "'api'" in error.message
    assert "Disk full" in error.details


def test_an_unreachable_machine(tmp_path: Path) -> None:
    account = Account()
    told(account, {**failed(), "event": "unreachable"}, stats(api={**COUNTS, "unreachable": 1}))
    assert "'api' could not be reached" in failure_error(account, 4, tmp_path / "log").message


def test_without_a_failed_task_the_log_speaks(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(f"line {n}" for n in range(100)) + "\nERROR! no such option\n")
    error = failure_error(Account(), 4, log)
    assert error.message == "Ansible ended with status 4 before any task failed."
    assert error.details.endswith("ERROR! no such option")
    assert "line 5\n" not in error.details


def test_the_event_of_a_failure_is_one_line() -> None:
    account = Account()
    told(account, failed(msg="first\nsecond"))
    (failure,) = account.fatal()
    event = failed_event(failure)
    assert (event.kind, event.text) == (Kind.FAILED, "Install: first")


def test_the_counts_are_told_for_people_and_machines() -> None:
    event = counted_event("api", HostStats(ok=3, changed=1))
    assert (event.subject, event.text) == ("machine.api", "3 tasks, 1 of them changed something")
    assert event.data["counts"] == {"ok": 3, "changed": 1, "failed": 0, "unreachable": 0, "skipped": 0}


def test_tail_skips_empty_lines() -> None:
    assert tail("a\n\nb\n\n\nc\n", 2) == "b\nc"


def settings(project: Path, strategy: str = MITOGEN) -> dict[str, str]:
    return ansible_environment(
        project=project,
        state=project / "state",
        role_folders=[Path("/a/roles"), Path("/b/roles")],
        strategy=strategy,
    )


def test_the_projects_own_settings_count_and_no_other(tmp_path: Path) -> None:
    without = settings(tmp_path)["ANSIBLE_CONFIG"]
    assert Path(without).is_file()
    assert tmp_path not in Path(without).parents
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    assert settings(tmp_path)["ANSIBLE_CONFIG"] == str(tmp_path / "ansible.cfg")


def test_the_callers_ansible_variables_are_taken_away_but_for_vaults() -> None:
    outer = {
        "ANSIBLE_HOST_KEY_CHECKING": "0",
        "ANSIBLE_VAULT_PASSWORD_FILE": "/v",
        "PATH": "/bin",
        "ANSIBLE_A": "",
    }
    assert foreign(outer) == ["ANSIBLE_A", "ANSIBLE_HOST_KEY_CHECKING"]


def test_host_keys_are_checked_and_roles_found_in_order(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    assert chosen["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert chosen["ANSIBLE_ROLES_PATH"] == "/a/roles:/b/roles"
    assert chosen["ANSIBLE_STRATEGY"] == MITOGEN
    assert (Path(chosen["ANSIBLE_STRATEGY_PLUGINS"]) / f"{MITOGEN}.py").is_file()
    assert (Path(chosen["ANSIBLE_CALLBACK_PLUGINS"]) / f"{chosen['ANSIBLE_CALLBACKS_ENABLED']}.py").is_file()
