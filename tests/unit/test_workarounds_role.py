"""The role workarounds itself, on entries of the test: what it refuses, skips, and does not believe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devbox.errors import DevboxError
from devbox.paths import EnvironmentPaths
from devbox.provision.account import Outcome, WorkaroundReport
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun
from devbox.provision.settings import MITOGEN

pytestmark = pytest.mark.integration

Apply = Callable[..., list[WorkaroundReport]]

# A flag in the root is the defect; the fix of 'idle' leaves it there.
DETECT = """
- ansible.builtin.stat: {path: "{{ workaround_root }}/flag"}
  register: workaround_try_flag
- ansible.builtin.set_fact:
    workaround_found: "{{ workaround_try_flag.stat.exists }}"
    workaround_reason: "/flag of {{ workaround_try_name }}"
"""
FIXES = {
    "works": "- ansible.builtin.file: {path: '{{ workaround_root }}/flag', state: absent}\n",
    "idle": "- ansible.builtin.debug: {msg: nothing}\n",
    "mute": "[]\n",
    **dict.fromkeys(("e", "d", "c", "b", "a"), "[]\n"),
}


@pytest.fixture
def apply(tmp_path: Path) -> Apply:
    """Run the role on this host, with a flag in its root."""
    paths = EnvironmentPaths(tmp_path / "environments" / "try")
    paths.logs.mkdir(parents=True)
    root = tmp_path / "root"
    root.mkdir()
    (root / "flag").touch()
    for name, fix in FIXES.items():
        entry = tmp_path / "entries" / name
        entry.mkdir(parents=True)
        defaults = {"variables": {"workaround_try_name": {"description": "x", "default": "nobody"}}}
        (entry / "workaround.yml").write_text(json.dumps(defaults))
        (entry / "detect.yml").write_text("[]\n" if name == "mute" else DETECT)
        (entry / "fix.yml").write_text(fix)
        (entry / "verify.yml").write_text("[]\n")

    def run(*names: str, **variables: Any) -> list[WorkaroundReport]:
        host = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "workaround_root": str(root),
            "workaround_packages": {},
            "workarounds_folders": [str(tmp_path / "entries")],
            **variables,
        }
        paths.inventory.write_text(json.dumps({"all": {"hosts": {"api": host}}}))
        task = {
            "ansible.builtin.include_role": {"name": "workarounds"},
            "vars": {"workarounds_names": list(names)},
        }
        paths.site.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        ansible = AnsibleRun(tmp_path, paths, Playbooks(tmp_path), lambda _: None)
        return ansible.to_the_end(MITOGEN).workarounds

    return run


def test_looking_changes_nothing_and_skipping_does_not_even_look(apply: Apply, tmp_path: Path) -> None:
    names = ["works", "c", "a", "e", "b", "d"]
    reports = apply(*names, "idle", workarounds_apply=False, workarounds_skip=["idle"])
    assert [(report.name, report.outcome) for report in reports] == [(name, Outcome.FOUND) for name in names]
    assert reports[0].reason == "/flag of nobody"
    assert (tmp_path / "root" / "flag").exists()


def test_a_users_variable_is_stronger_than_the_entrys_default(apply: Apply, tmp_path: Path) -> None:
    reports = apply("works", workaround_try_name="somebody")
    assert [str(report) for report in reports] == ["workaround works: applied, because /flag of somebody"]
    assert not (tmp_path / "root" / "flag").exists()


@pytest.mark.parametrize(
    "name, says",
    [
        ("nope", "There is no workaround 'nope'; looked in "),
        ("../entries/works", "There is no workaround '../entries/works'"),
        ("idle", "'idle' was applied, but its defect is still there: /flag of nobody"),
        ("mute", "'mute' did not set workaround_found and workaround_reason"),
    ],
)
def test_what_can_not_be_is_told(apply: Apply, name: str, says: str) -> None:
    with pytest.raises(DevboxError) as caught:
        apply(name)
    assert says in caught.value.details


def test_the_playbook_looks_at_the_whole_catalogue_unless_some_are_chosen(tmp_path: Path) -> None:
    paths = EnvironmentPaths(tmp_path / "environments" / "try")
    paths.logs.mkdir(parents=True)
    (tmp_path / "root").mkdir()
    host: dict[str, object] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "workaround_root": str(tmp_path / "root"),
        "workaround_packages": {},
        "workarounds_apply": False,
    }
    playbooks = Playbooks(tmp_path)
    file = playbooks.find("workarounds").file

    def looked() -> list[str]:
        inventory = {"all": {"children": {"workarounds": {"hosts": {"api": host}}}}}
        paths.inventory.write_text(json.dumps(inventory))
        paths.site.write_text(json.dumps([{"ansible.builtin.import_playbook": str(file)}]))
        account = AnsibleRun(tmp_path, paths, playbooks, lambda _: None).to_the_end(MITOGEN)
        return [report.name for report in account.workarounds]

    assert looked() == sorted(entry.parent.name for entry in file.parent.glob("workarounds/*/workaround.yml"))
    host["workarounds_chosen"] = ["tgtd-sample-conf"]
    assert looked() == ["tgtd-sample-conf"]
