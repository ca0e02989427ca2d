"""Real Ansible runs on this host alone: counts, failures, the fallback, and that nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from devbox.errors import DevboxError
from devbox.events import Event, Kind
from devbox.paths import EnvironmentPaths
from devbox.provision.account import HostStats
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun

pytestmark = pytest.mark.integration

Prepare = Callable[[str], AnsibleRun]


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def prepare(tmp_path: Path, events: list[Event]) -> Prepare:
    """A run of the given tasks on a host 'api' that is this one."""

    def run_of(tasks: str) -> AnsibleRun:
        paths = EnvironmentPaths(tmp_path / "environments" / "try")
        paths.logs.mkdir(parents=True, exist_ok=True)
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        paths.inventory.write_text(json.dumps({"all": {"hosts": {"api": host}}}))
        paths.site.write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
        return AnsibleRun(tmp_path, paths, Playbooks(tmp_path), events.append)

    return run_of


def logs(run: AnsibleRun) -> list[Path]:
    return sorted(run.paths.logs.iterdir())


def running(mark: str) -> list[int]:
    """The processes that have the mark among their words."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def eventually(condition: Callable[[], object]) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_a_second_run_changes_nothing(prepare: Prepare, tmp_path: Path, events: list[Event]) -> None:
    run = prepare(f"  - name: Put it there\n    copy: {{content: x, dest: {tmp_path}/there, mode: '0600'}}\n")
    assert run.to_the_end().stats == {"api": HostStats(ok=1, changed=1)}
    assert run.to_the_end().stats == {"api": HostStats(ok=1)}
    shown = [(event.subject, event.text, event.data.get("result")) for event in events]
    assert shown[:2] == [("machine.api", "Put it there", None), ("machine.api", "Put it there", "changed")]
    assert shown[-2] == ("machine.api", "Put it there", "ok")
    assert events[-1].data["counts"] == asdict(HostStats(ok=1))
    assert [log.stat().st_mode & 0o777 for log in logs(run)] == [0o600, 0o600]


def test_a_failed_task_is_told_with_its_place_and_output(prepare: Prepare, events: list[Event]) -> None:
    run = prepare("  - name: Break\n    command: {argv: [sh, -c, 'echo out; echo why >&2; exit 7']}\n")
    with pytest.raises(DevboxError) as caught:
        run.to_the_end()
    assert caught.value.message == "The task 'Break' failed on 'api'."
    for part in (f"{run.paths.site}:4", "non-zero return code", "out", "why"):
        assert part in caught.value.details
    assert str(logs(run)[-1]) in caught.value.advice
    assert events[-1].kind is Kind.FAILED
    assert len(logs(run)) == 1  # something was done, so that plain SSH was not tried


def test_a_playbook_that_ansible_cannot_read(prepare: Prepare, events: list[Event]) -> None:
    run = prepare("  - name: No such thing\n    no_such_module: {}\n")
    with pytest.raises(DevboxError, match="before any task failed") as caught:
        run.to_the_end()
    assert "no_such_module" in caught.value.details
    assert [event for event in events if event.kind is Kind.NOTE] == []


def test_secrets_stay_out_of_log_and_events(prepare: Prepare, events: list[Event]) -> None:
    run = prepare(
        "  - name: Whisper\n    command: {argv: [sh, -c, 'echo hush-4711; exit 1']}\n    no_log: true\n"
    )
    with pytest.raises(DevboxError) as caught:
        run.to_the_end()
    everything = [caught.value.details, logs(run)[-1].read_text(), *(str(event) for event in events)]
    assert not [text for text in everything if "hush-4711" in text]


def test_plain_ssh_takes_over_where_mitogen_cannot_start(
    prepare: Prepare, tmp_path: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "ansible_mitogen"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('made for another Ansible')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    run = prepare("  - name: Work\n    command: {argv: ['true']}\n")
    assert run.to_the_end().stats == {"api": HostStats(ok=1, changed=1)}
    assert len([event for event in events if event.kind is Kind.NOTE]) == 1
    assert len(logs(run)) == 2


def test_the_users_own_settings_have_no_say(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ansible.cfg").write_text("[defaults]\nforks = many\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ANSIBLE_STRATEGY", "no_such_strategy")
    assert prepare("  - command: {argv: ['true']}\n").to_the_end().stats["api"].ok == 1


CALLER = """
import sys
from pathlib import Path
from devbox.paths import EnvironmentPaths
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun
root = Path(sys.argv[1])
try:
    paths = EnvironmentPaths(root / "environments" / "try")
    AnsibleRun(root, paths, Playbooks(root), print).to_the_end(sys.argv[2])
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("strategy", ["mitogen_linear", "linear"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_stays_behind(
    prepare: Prepare, tmp_path: Path, strategy: str, number: signal.Signals
) -> None:
    mark = f"{os.getpid()}{int(number)}{len(strategy)}.25"
    # a session of its own, as daemons and connections have
    prepare(f"  - name: Take long\n    command: {{argv: [setsid, --wait, sleep, '{mark}']}}\n")
    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, str(tmp_path), strategy],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert eventually(lambda: running(mark)), "the task began"
    finally:
        caller.send_signal(number)
        status = caller.wait()
    assert status == (130 if number is signal.SIGINT else -number)
    site = str(tmp_path / "environments" / "try" / "site.yml")
    assert eventually(lambda: not running(mark) and not running(site)), "all ended"
