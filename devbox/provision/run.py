"""One run of Ansible over all machines of an environment."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devbox import process
from devbox.environment import Environment
from devbox.events import Emit, Event, Kind
from devbox.guest.ssh import Endpoint
from devbox.paths import EnvironmentPaths, Home, private_folder
from devbox.provision import supervise
from devbox.provision.account import Account, HostStats, counted_event, failed_event, failure_error
from devbox.provision.inventory import inventory, playbook_order, site
from devbox.provision.playbooks import Playbooks
from devbox.provision.settings import MITOGEN, PLAIN, ansible_environment, foreign, mitogen_strategies


def provision(
    environment: Environment,
    endpoints: Mapping[str, Endpoint],
    home: Home,
    emit: Emit,
    *,
    strategy: str = "",
) -> dict[str, HostStats]:
    """Run the ``provision:`` playbooks of all machines, each machine's in its order.

    Returns the counts by machine. ``endpoints`` is by machine name; their host keys must stand in
    the environment's known_hosts.
    ``strategy`` is Ansible's; empty takes Mitogen, and plain SSH where Mitogen can't work.
    Raises DevboxError that names the machine, the task, its place and what it said.
    """
    paths = home.environment(environment.name)
    playbooks = Playbooks(environment.project)
    # What was baked is in the disks that the machines stand on.
    machines = [replace(machine, bake=()) for machine in environment.machines]
    files = [playbooks.find(name).file for name in playbook_order(machines)]
    hosts = inventory(environment, endpoints, paths.known_hosts, extra=_offers())
    private_folder(paths.logs)
    write_private(paths.inventory, json.dumps(hosts, indent=1, default=str))
    write_private(paths.site, site(files))
    run = AnsibleRun(environment.project, paths, playbooks, emit)
    return run.to_the_end(strategy).stats


@dataclass(frozen=True)
class AnsibleRun:
    """The environment's inventory and site playbook, ready to be run."""

    project: Path
    paths: EnvironmentPaths
    playbooks: Playbooks
    emit: Emit
    options: tuple[str, ...] = ()  # of ansible-playbook

    def to_the_end(self, strategy: str = "") -> Account:
        """With the fallback: a Mitogen that could not even begin has changed nothing on any machine."""
        chosen = strategy or (MITOGEN if mitogen_strategies() else PLAIN)
        if chosen == PLAIN and not strategy:
            self._note("Mitogen is not installed; Ansible works over plain SSH, which is slower")
        account, status, log = self._once(chosen)
        if status and chosen == MITOGEN and not strategy and not account.acted:
            account, status, log = self._once(PLAIN)
            if account.acted:
                self._note("Mitogen could not start; Ansible worked over plain SSH, which is slower")
        if status:
            for failure in account.fatal():
                self.emit(failed_event(failure))
            raise failure_error(account, status, log)
        for host, counts in account.stats.items():
            self.emit(counted_event(host, counts))
        return account

    def _once(self, strategy: str) -> tuple[Account, int, Path]:
        log = _new_log(self.paths.logs)
        account = Account()

        def listen(line: str) -> None:
            event = account.take(line)
            if event is not None:
                self.emit(event)

        settings = ansible_environment(
            project=self.project,
            state=private_folder(self.paths.ansible),
            role_folders=self.playbooks.role_folders,
            strategy=strategy,
        )
        argv = [
            *("env", *(word for name in foreign(os.environ) for word in ("-u", name))),
            *(sys.executable, "-P", supervise.__file__, str(log)),
            *(sys.executable, "-m", "ansible.cli.playbook", "-v"),
            *("-i", str(self.paths.inventory), *self.options, str(self.paths.site)),
        ]
        try:
            process.stream(argv, listen, env=settings, cwd=self.project)
        except process.CommandFailed as error:
            return account, error.status, log
        return account, 0, log

    def _note(self, text: str) -> None:
        self.emit(Event(Kind.NOTE, f"environment.{self.paths.root.name}", text))


def _offers() -> dict[str, Any]:
    """What this host lends to playbooks: its uv, which a machine of the same kind can run as it is.

    Installing uv inside an emulated machine takes two minutes, copying it a few seconds.
    """
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else process.which("uv")
    return {"devbox_uv": found} if found else {}


def _new_log(folder: Path) -> Path:
    """An empty file for its owner alone; its name sorts by time."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1000):
        log = folder / f"provision-{stamp}-{number:03}.log"
        try:
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            continue
        return log
    raise FileExistsError(log)


def write_private(path: Path, text: str) -> None:
    staged = path.with_name(f".{path.name}.new")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    staged.replace(path)
