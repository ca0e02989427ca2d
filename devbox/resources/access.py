"""How the host reaches an environment's machines: endpoints, and the files that tell OpenSSH."""

from __future__ import annotations

import os
import threading
from ipaddress import IPv4Address
from pathlib import Path

from devbox import addresses
from devbox.guest import keys, ssh_config
from devbox.guest.identity import USER
from devbox.guest.ssh import Endpoint
from devbox.paths import Home, private_folder
from devbox.providers import domain_name

_writing = threading.Lock()


def endpoint_of(home: Home, environment: str, machine: str, ip: IPv4Address) -> Endpoint:
    """Where the machine's sshd is reached; its host key must have been made."""
    host_key = keys.read(home.environment(environment).machine(machine).host_key)
    return Endpoint(
        alias=domain_name(environment, machine),
        address=addresses.loopback(ip),
        port=addresses.SSH_PORT,
        user=USER,
        key=home.key,
        host_key=host_key.public,
    )


def publish(home: Home, environment: str, machines: dict[str, IPv4Address]) -> None:
    """Write the environment's ssh_config and known_hosts for those machines that have a key.

    ``machines`` maps names to addresses. Machines of one environment are made at the same time,
    hence the lock within this process; between processes the environment's lock serves.
    """
    paths = home.environment(environment)
    with _writing:
        endpoints = [
            endpoint_of(home, environment, name, ip)
            for name, ip in sorted(machines.items())
            if paths.machine(name).host_key.exists()
        ]
        write_private(paths.known_hosts, ssh_config.known_hosts_text(endpoints))
        write_private(paths.ssh_config, ssh_config.fragment(endpoints, paths.known_hosts))
        write_private(home.ssh_config, ssh_config.home_config(home))


def write_private(path: Path, content: str | bytes) -> None:
    """Put a file for its owner alone in place at once, whole or not at all."""
    private_folder(path.parent)
    staged = path.with_name(f".{path.name}.new")
    data = content.encode() if isinstance(content, str) else content
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    staged.replace(path)
