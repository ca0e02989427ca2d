"""The Ansible inventory of an environment, and the one playbook that runs all the others in order."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.guest.ssh import Endpoint
from devbox.guest.unix_proxy import proxy_command

# OpenSSH must neither read the user's configuration, nor offer another key, nor ask anything.
_SSH_OPTIONS = (
    "-F none",
    "-o StrictHostKeyChecking=yes",
    "-o GlobalKnownHostsFile=/dev/null",
    "-o IdentitiesOnly=yes",
    "-o IdentityAgent=none",
    "-o PasswordAuthentication=no",
    "-o BatchMode=yes",
)
_PYTHON = "/usr/bin/python3"  # looking for it costs seconds under emulation; `vars` may say another


def group_name(playbook: str) -> str:
    """The group of the machines that list the playbook: ``glance-source`` gives ``glance_source``."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", playbook)
    return f"_{name}" if name[:1].isdigit() else name


def inventory(
    environment: Environment,
    endpoints: Mapping[str, Endpoint],
    known_hosts: Path,
    *,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A group for each playbook, ``vars`` of devbox.yml for all; hosts are the machines' short names.

    ``endpoints`` is by machine name; ``extra`` are variables that devbox adds, weaker than the user's.
    """
    hosts = {
        machine.name: _host(machine, endpoints[machine.name], known_hosts) for machine in environment.machines
    }
    shared = {
        "ansible_python_interpreter": _PYTHON,
        "devbox_project": str(environment.project),
        "devbox_environment": environment.name,
        "devbox_machines": {machine.name: str(machine.ip) for machine in environment.machines},
        **(extra or {}),
        **environment.vars,
    }
    return {"all": {"hosts": hosts, "vars": shared, "children": _groups(environment)}}


def _host(machine: MachineSpec, endpoint: Endpoint, known_hosts: Path) -> dict[str, Any]:
    """Host variables are the strongest of an inventory: no ``vars`` can turn the checking off."""
    options = [*_SSH_OPTIONS, f"-o HostKeyAlias={endpoint.alias}", f'-o UserKnownHostsFile="{known_hosts}"']
    if endpoint.socket:
        options.append(shlex.join(["-o", f"ProxyCommand={proxy_command(endpoint.socket)}"]))
    return {
        "ansible_host": str(endpoint.address),
        "ansible_port": endpoint.port,
        "ansible_user": endpoint.user,
        "ansible_ssh_private_key_file": str(endpoint.key),
        "ansible_ssh_common_args": " ".join(options),
        "ansible_host_key_checking": True,
        "devbox_ip": str(machine.ip),
    }


def _groups(environment: Environment) -> dict[str, Any]:
    groups: dict[str, dict[str, Any]] = {}
    named: dict[str, str] = {}
    for machine in environment.machines:
        for playbook in (*machine.bake, *machine.provision):
            group = group_name(playbook)
            if named.setdefault(group, playbook) != playbook:
                raise Refused(
                    f"The playbooks '{named[group]}' and '{playbook}' would share the group '{group}'.",
                    advice="Rename one of them.",
                )
            groups.setdefault(group, {"hosts": {}})["hosts"][machine.name] = {}
    return groups


def playbook_order(machines: Iterable[MachineSpec]) -> list[str]:
    """Each playbook once, so that every machine gets its own in its order: bake, then provision.

    What no list decides stays in the order of first mention. Raises Refused where two lists contradict.
    """
    lists = [list(dict.fromkeys((*machine.bake, *machine.provision))) for machine in machines]
    waiting = list(dict.fromkeys(name for names in lists for name in names))
    after = {name: {names[i - 1] for names in lists for i in _places(names, name) if i} for name in waiting}
    order: list[str] = []
    while waiting:
        ready = next((name for name in waiting if after[name] <= set(order)), None)
        if ready is None:
            raise Refused(
                f"The machines' orders of these playbooks contradict each other: {_quoted(waiting)}.",
                advice="Give them the same order in every machine's 'bake:' and 'provision:'.",
            )
        order.append(ready)
        waiting.remove(ready)
    return order


def _places(names: Sequence[str], name: str) -> list[int]:
    return [place for place, listed in enumerate(names) if listed == name]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def site(files: Iterable[Path]) -> str:
    """The playbook that imports the others, as JSON, which is YAML that needs no quoting rules."""
    return json.dumps([{"ansible.builtin.import_playbook": str(file)} for file in files], indent=1) + "\n"
