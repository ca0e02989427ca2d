"""Each workaround on each of its fixtures: what is broken gets mended, what is not stays as it is."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from devbox.events import Event
from devbox.paths import EnvironmentPaths, shipped
from devbox.provision.account import Outcome, WorkaroundReport
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun
from devbox.provision.settings import MITOGEN

FIXTURES = Path(__file__).resolve().parent.parent / "workarounds"
CATALOGUE = shipped("playbooks") / "workarounds"
ENTRIES = sorted(file.parent.name for file in CATALOGUE.glob("*/workaround.yml"))
FACTS = {  # what a fixture does not say
    "ansible_distribution": "Debian",
    "ansible_distribution_version": "12",
    "ansible_distribution_major_version": "12",
    "ansible_distribution_release": "bookworm",
    "ansible_os_family": "Debian",
    "ansible_pkg_mgr": "apt",
    "ansible_service_mgr": "systemd",
}
STATES = ("broken", "fixed", "unaffected")

SITE = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.set_fact:
        cacheable: true
        "{{ item.key }}": "{{ item.value }}"
      loop: "{{ case_facts | dict2items }}"
    - ansible.builtin.include_role: {name: workarounds}
      vars: {workarounds_names: ["{{ case_entry }}"]}
"""

Snapshot = dict[str, tuple[int, bytes]]


@dataclass(frozen=True)
class Case:
    """One fixture, and the temporary copy of its root."""

    folder: Path
    root: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def state(self) -> str:
        return self.name.partition("-")[0]

    @property
    def needs_machine(self) -> bool:
        """Whether its fix acts on the running machine, and so is tried in test_workarounds_dressed.py."""
        return bool(self.said("expect.yml").get("needs_machine"))

    def variables(self, entry: str) -> dict[str, Any]:
        said = self.said("facts.yml")
        facts = {key: value for key, value in said.items() if key.startswith("ansible_")}
        others = {key: value for key, value in said.items() if key not in facts}
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "case_entry": entry,
            "case_facts": {**FACTS, **facts},
            "workaround_packages": {},
            **others,
            "workaround_root": str(self.root),
        }

    def said(self, name: str) -> dict[str, Any]:
        file = self.folder / name
        return yaml.safe_load(file.read_text()) if file.exists() else {}

    def snapshot(self) -> Snapshot:
        """Kind, permissions and content of all that is there."""
        return {
            str(path.relative_to(self.root)): (
                path.lstat().st_mode,
                bytes(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b"",
            )
            for path in self.root.rglob("*")
        }


@dataclass(frozen=True)
class Trial:
    """All cases of one entry, one Ansible host each."""

    cases: Sequence[Case]
    paths: EnvironmentPaths
    events: list[Event]

    def run(self, *options: str) -> tuple[dict[str, WorkaroundReport], dict[str, int]]:
        """The report of each case, and how many tasks changed something there."""
        run = AnsibleRun(self.paths.root, self.paths, Playbooks(self.paths.root), self.events.append, options)
        account = run.to_the_end(MITOGEN)
        reports = {report.host: report for report in account.workarounds}
        return reports, {host: counts.changed for host, counts in account.stats.items()}

    def without_machines(self, entry: str) -> Trial:
        """The same without the cases that only a machine can mend."""
        cases = [case for case in self.cases if not case.needs_machine]
        hosts = {case.name: case.variables(entry) for case in cases}
        self.paths.inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
        return Trial(cases, self.paths, self.events)

    def snapshots(self) -> dict[str, Snapshot]:
        return {case.name: case.snapshot() for case in self.cases}

    def outcomes(self, broken: Outcome) -> dict[str, Outcome]:
        return {case.name: broken if case.state == "broken" else Outcome.NOT_FOUND for case in self.cases}


def trial_of(entry: str, folder: Path) -> Trial:
    cases = []
    for fixture in sorted(FIXTURES.joinpath(entry).iterdir()):
        root = folder / "roots" / fixture.name
        if (fixture / "root").is_dir():
            shutil.copytree(fixture / "root", root, symlinks=True)
        else:
            root.mkdir(parents=True)
        cases.append(Case(fixture, root))
    paths = EnvironmentPaths(folder / "environments" / "try")
    paths.logs.mkdir(parents=True)
    hosts = {case.name: case.variables(entry) for case in cases}
    paths.inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    paths.site.write_text(SITE)
    return Trial(cases, paths, [])


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_has_fixtures_of_each_state(entry: str) -> None:
    there = [folder for folder in FIXTURES.joinpath(entry).iterdir() if folder.is_dir()]
    assert {folder.name.partition("-")[0] for folder in there} == set(STATES)
    known = {"root", "mended", "facts.yml", "expect.yml"}
    assert not [inside for folder in there for inside in folder.iterdir() if inside.name not in known]


def test_every_fixture_is_of_an_entry() -> None:
    assert {folder.name for folder in FIXTURES.iterdir()} == set(ENTRIES)


@pytest.mark.integration
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_broken_is_mended_and_nothing_else_is_touched(entry: str, tmp_path: Path) -> None:
    trial = trial_of(entry, tmp_path)
    before = trial.snapshots()

    reports, _ = trial.run("--check", "--diff")
    assert {host: report.outcome for host, report in reports.items()} == trial.outcomes(Outcome.FOUND)
    assert trial.snapshots() == before
    for case in trial.cases:
        assert case.said("expect.yml").get("reason", "") in reports[case.name].reason
        assert str(case.root) not in reports[case.name].reason

    trial = trial.without_machines(entry)
    reports, changed = trial.run()
    assert {host: report.outcome for host, report in reports.items()} == trial.outcomes(Outcome.APPLIED)
    after = trial.snapshots()
    for case in trial.cases:
        if case.state == "broken":
            assert changed[case.name] > 0
            check_mended(case)
        else:
            assert changed[case.name] == 0
            assert after[case.name] == before[case.name]

    mended = [case.name for case in trial.cases if case.state == "broken"]
    if not mended:  # test_workarounds_dressed.py mends them, on what looks like a machine
        return
    again, changed = trial.run("--limit", ",".join(mended))
    outcomes = {host: report.outcome for host, report in again.items()}
    assert outcomes == dict.fromkeys(mended, Outcome.NOT_FOUND)
    assert not any(changed.values())
    assert trial.snapshots() == after


def check_mended(case: Case) -> None:
    mended = case.folder / "mended"
    for wanted in mended.rglob("*"):
        if wanted.is_file():
            assert (case.root / wanted.relative_to(mended)).read_text() == wanted.read_text()
