"""Texts for OpenSSH, so that plain ssh, scp, rsync and editors reach the machines by name."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from devbox.errors import Refused
from devbox.guest.ssh import Endpoint
from devbox.paths import Home

_HEADER = "# Written by devbox; changes are lost.\n"


def fragment(endpoints: Iterable[Endpoint], known_hosts: Path) -> str:
    """The ``ssh_config`` of one environment: a Host block a machine, nothing that others inherit."""
    return _HEADER + "".join(f"\n{_block(endpoint, known_hosts)}" for endpoint in endpoints)


def known_hosts_text(endpoints: Iterable[Endpoint]) -> str:
    """The keys under the machines' aliases, which HostKeyAlias makes OpenSSH look for."""
    return "".join(f"{endpoint.alias} {' '.join(endpoint.host_key.split()[:2])}\n" for endpoint in endpoints)


def home_config(home: Home) -> str:
    """The file that a user includes once: it leads to the fragments of all environments, also later ones.

    An Include that matches no file is no error for OpenSSH.
    """
    rest = home.environment("*").ssh_config.relative_to(home.root)
    return f"{_HEADER}\nInclude {_pattern(home.root, str(rest))}\n"


def include_line(home: Home) -> str:
    """The line that ``~/.ssh/config`` needs, before its first Host block."""
    return f"Include {_pattern(home.ssh_config, '')}"


def _block(endpoint: Endpoint, known_hosts: Path) -> str:
    settings = {
        "HostName": str(endpoint.address),
        "Port": str(endpoint.port),
        "User": endpoint.user,
        "IdentityFile": _path(endpoint.key),
        "IdentitiesOnly": "yes",
        "PreferredAuthentications": "publickey",
        "UserKnownHostsFile": _path(known_hosts),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": endpoint.alias,
        "HostKeyAlgorithms": "ssh-ed25519",
        "KexAlgorithms": "^curve25519-sha256",  # the hybrid ones cost where the guest is emulated
        "CheckHostIP": "no",
        "ForwardAgent": "no",
        "ServerAliveInterval": "15",
        "LogLevel": "ERROR",
    }
    lines = "".join(f"    {key} {value}\n" for key, value in settings.items())
    return f"Host {endpoint.alias}\n{lines}"


def _path(path: Path) -> str:
    """OpenSSH expands tokens in file names, so a percent sign is doubled."""
    return _quoted(str(path).replace("%", "%%"))


def _pattern(folder: Path, rest: str) -> str:
    """``rest`` may hold wildcards, the folder's own name may not act as one."""
    return _quoted(str(Path(glob.escape(str(folder))) / rest))


def _quoted(text: str) -> str:
    """In double quotes where need be; what no version of OpenSSH can read is refused."""
    if any(part in text for part in ('"', "\\", "\n", "${")):
        raise Refused(
            f"OpenSSH's configuration can't name the path '{text}'.",
            advice="Set DEVBOX_HOME to a folder without quotes, backslashes and dollar signs in its path.",
        )
    return f'"{text}"' if any(character.isspace() or character in "#'" for character in text) else text
