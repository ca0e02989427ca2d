"""Every file that devbox writes, by name; docs/files.md lists the same."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

RESOURCES = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """The folder of the playbooks, templates or boxes that came with devbox.

    They lie beside the package in a checkout and inside it in an installed wheel.
    """
    inside = RESOURCES / "shipped" / kind
    return inside if inside.is_dir() else RESOURCES.parent / kind


@dataclass(frozen=True)
class MachinePaths:
    """The private files of one machine."""

    root: Path

    @property
    def disk(self) -> Path:
        return self.root / "disk.qcow2"

    @property
    def identity(self) -> Path:
        return self.root / "identity.tar"

    @property
    def console(self) -> Path:
        return self.root / "console.log"

    @property
    def host_key(self) -> Path:
        return self.root / "ssh_host_ed25519_key"

    @property
    def suspended(self) -> Path:
        return self.root / "suspended"


@dataclass(frozen=True)
class EnvironmentPaths:
    """The private files of one environment."""

    root: Path

    @property
    def origin(self) -> Path:
        return self.root / "origin.json"

    @property
    def lock(self) -> Path:
        return self.root.parent / f".{self.root.name}.lock"

    @property
    def ssh_config(self) -> Path:
        return self.root / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        return self.root / "known_hosts"

    @property
    def inventory(self) -> Path:
        return self.root / "inventory.json"

    @property
    def site(self) -> Path:
        return self.root / "site.yml"

    @property
    def provisioned(self) -> Path:
        return self.root / "provisioned.json"

    @property
    def ansible(self) -> Path:
        return self.root / "ansible"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def freezing(self) -> Path:
        return self.root / "freezing"

    def machine(self, name: str) -> MachinePaths:
        return MachinePaths(self.machines / name)


@dataclass(frozen=True)
class Home:
    """The folder that holds everything of one user: images, environments, keys, the daemon's files."""

    root: Path

    @classmethod
    def default(cls) -> Home:
        """``$DEVBOX_HOME``, else the platform's place for a user's data."""
        chosen = os.environ.get("DEVBOX_HOME")
        return cls(Path(chosen).absolute() if chosen else platformdirs.user_data_path("devbox"))

    @property
    def images(self) -> Path:
        return self.root / "images"

    @property
    def layers(self) -> Path:
        return self.root / "layers"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def editions(self) -> Path:
        return self.root / "editions"

    @property
    def staging(self) -> Path:
        return self.root / "staging"

    @property
    def locks(self) -> Path:
        return self.root / "locks"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def key(self) -> Path:
        return self.root / "ssh" / "id_ed25519"

    @property
    def ssh_config(self) -> Path:
        return self.root / "ssh" / "config"

    @property
    def timings(self) -> Path:
        return self.root / "timings.json"

    @property
    def facts(self) -> Path:
        return self.root / "host.json"

    @property
    def libvirt(self) -> Path:
        return self.root / "libvirt"

    @property
    def bug_reports(self) -> Path:
        return self.root / "bugs"

    def environment(self, name: str) -> EnvironmentPaths:
        return EnvironmentPaths(self.environments / name)


def configuration() -> Path:
    """The user's configuration, which devbox only reads: ``$DEVBOX_CONFIG``, else the usual place."""
    chosen = os.environ.get("DEVBOX_CONFIG")
    return Path(chosen).absolute() if chosen else platformdirs.user_config_path("devbox") / "config.yml"


def private_folder(path: Path) -> Path:
    """Make the folder, and those above it, for its owner alone (0700)."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
    return path
