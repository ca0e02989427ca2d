"""A checkout of Nova goes back to its last commit with the driver for Docker; no fixture can hold one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from devbox.errors import DevboxError
from devbox.events import Event
from devbox.paths import EnvironmentPaths
from devbox.provision.account import Outcome
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun
from devbox.provision.settings import MITOGEN

SITE = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role: {name: workarounds}
      vars: {workarounds_names: [nova-docker-driver]}
"""


def git(folder: Path, *words: str) -> str:
    author = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "init.defaultBranch=master"]
    argv = ["git", "-C", str(folder), *author, *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def machine(root: Path) -> Path:
    """A root whose Nova wants the driver; returns the folder of Nova's source, which lacks it."""
    (root / "etc/nova").mkdir(parents=True)
    (root / "etc/nova/nova.conf").write_text("[DEFAULT]\ncompute_driver = docker.DockerDriver\n")
    source = root / "opt/source/nova"
    (source / "nova/virt").mkdir(parents=True)
    (source / "nova/virt/driver.py").write_text("# what all drivers have\n")
    return source


def run(tmp_path: Path, root: Path, commit: str) -> list[Outcome]:
    paths = EnvironmentPaths(tmp_path / "environments/try")
    paths.logs.mkdir(parents=True, exist_ok=True)
    host = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "workaround_packages": {},
        "workaround_root": str(root),
        "workaround_nova_docker_commit": commit,
    }
    paths.inventory.write_text(json.dumps({"all": {"hosts": {"cloud": host}}}))
    paths.site.write_text(SITE)
    events: list[Event] = []
    account = AnsibleRun(tmp_path, paths, Playbooks(tmp_path), events.append).to_the_end(MITOGEN)
    return [report.outcome for report in account.workarounds]


@pytest.mark.integration
def test_a_checkout_goes_back_to_the_last_commit_that_has_the_driver(tmp_path: Path) -> None:
    source = machine(tmp_path / "root")
    driver = source / "nova/virt/docker/driver.py"
    driver.parent.mkdir()
    driver.write_text("# Docker\n")
    git(source, "init", "--quiet")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "-m", "with the driver")
    last = git(source, "rev-parse", "HEAD")
    git(source, "rm", "--quiet", "nova/virt/docker/driver.py")
    git(source, "commit", "--quiet", "-m", "without it")
    assert not driver.exists()
    assert run(tmp_path, tmp_path / "root", last[:8]) == [Outcome.APPLIED]
    assert driver.read_text() == "# Docker\n"
    assert git(source, "rev-parse", "HEAD") == last
    assert run(tmp_path, tmp_path / "root", last[:8]) == [Outcome.NOT_FOUND]


@pytest.mark.integration
def test_what_is_no_checkout_is_refused_with_what_to_install(tmp_path: Path) -> None:
    machine(tmp_path / "root")
    with pytest.raises(DevboxError) as caught:
        run(tmp_path, tmp_path / "root", "a6fdcc01")
    said = f"{caught.value.message} {caught.value.details}"
    assert "Install Nova from the commit a6fdcc01, or nova-docker beside it." in said
