"""The playbooks and roles that an environment can name: the project's own first, then devbox's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.paths import shipped
from devbox.provision.brought import Brought, brought_by

_ENDINGS = (".yml", ".yaml")


@dataclass(frozen=True)
class Playbook:
    """``summary`` is the file's first comment line; ``file`` is absolute."""

    name: str
    file: Path

    @property
    def summary(self) -> str:
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            text = line.strip()
            if text.startswith("#"):
                return text.lstrip("#").strip().removesuffix(".")
            if text and text != "---":
                break
        return ""


@dataclass(frozen=True)
class Playbooks:
    """What can be named in the project whose devbox.yml lies in the folder ``project``."""

    project: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        return (self.project / "playbooks", shipped("playbooks"))

    @property
    def role_folders(self) -> tuple[Path, ...]:
        return tuple(folder / "roles" for folder in self.folders)

    def all(self) -> list[Playbook]:
        """One of each name, sorted; a project's playbook hides devbox's of the same name."""
        found: dict[str, Playbook] = {}
        for folder in self.folders:
            for file in sorted(folder.glob("*")) if folder.is_dir() else []:
                if file.suffix in _ENDINGS and file.is_file():
                    found.setdefault(file.stem, Playbook(file.stem, file.absolute()))
        return [found[name] for name in sorted(found)]

    def names(self) -> list[str]:
        return [playbook.name for playbook in self.all()]

    def find(self, name: str) -> Playbook:
        for folder in self.folders:
            for ending in _ENDINGS:
                file = folder / f"{name}{ending}"
                if file.is_file():
                    return Playbook(name, file.absolute())
        raise Refused(
            f"There is no playbook '{name}'.",
            details="\n".join(f"looked in {folder}" for folder in self.folders),
            advice="'devbox playbooks' lists those that there are.",
        )

    def brought(self, machine: MachineSpec, variables: Mapping[str, object]) -> Brought:
        """All that decides what the machine's playbooks do: their files, roles' files, variables."""
        files: dict[str, str] = {}
        for name in (*machine.bake, *machine.provision):
            files |= brought_by(self.find(name).file, self.role_folders)
        return Brought.of(files, {**variables, "playbooks": [*machine.bake, "--", *machine.provision]})

    def digests(self, environment: Environment) -> dict[str, str]:
        """For each machine that has playbooks, the digest of all that decides what they do."""
        return {
            machine.name: self.brought(machine, environment.vars).digest
            for machine in environment.machines
            if machine.bake or machine.provision
        }

    def brought_json(self, environment: Environment) -> str:
        """The same file by file, to be kept and compared with what is there later."""
        kept = {
            machine.name: dict(self.brought(machine, environment.vars).parts)
            for machine in environment.machines
            if machine.bake or machine.provision
        }
        return json.dumps(kept, indent=1, sort_keys=True)
