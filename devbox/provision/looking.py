"""Looking on one machine for the defects that the catalogue knows; nothing is changed there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from devbox.environment import Environment, MachineSpec
from devbox.events import Emit
from devbox.guest.ssh import Endpoint
from devbox.paths import Home, private_folder
from devbox.provision.account import WorkaroundReport
from devbox.provision.inventory import inventory
from devbox.provision.playbooks import Playbooks
from devbox.provision.run import AnsibleRun, write_private


def look_for(
    names: Sequence[str],
    machine: MachineSpec,
    endpoint: Endpoint,
    environment: Environment,
    home: Home,
    emit: Emit,
) -> list[WorkaroundReport]:
    """What each entry's detect.yml says of the running machine, in the order of the names.

    Raises DevboxError that names the task where one of them could not do its work.
    """
    paths = home.environment(environment.name)
    alone = replace(environment, machines=(replace(machine, bake=(), provision=()),))
    hosts = inventory(alone, {machine.name: endpoint}, paths.known_hosts)
    private_folder(paths.logs)
    write_private(paths.inventory, json.dumps(hosts, indent=1, default=str))
    write_private(paths.site, json.dumps([_play(names, environment.project)], indent=1))
    run = AnsibleRun(environment.project, paths, Playbooks(environment.project), emit, ("--check",))
    return run.to_the_end().workarounds


def _play(names: Sequence[str], project: Path) -> dict[str, Any]:
    folders = [str(folder / "workarounds") for folder in Playbooks(project).folders]
    return {
        "name": "Look for known defects",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Look",
                "ansible.builtin.include_role": {"name": "workarounds"},
                "vars": {
                    "workarounds_names": list(names),
                    "workarounds_skip": [],
                    "workarounds_apply": False,
                    "workarounds_folders": folders,
                },
            }
        ],
    }
