"""The playbooks and roles that an environment can name: the project's own first, then devbox's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.paths import shipped
from devbox.provision.brought import Brought, digests_of, files_brought_by
from devbox.provision.sources import source_folders, tree_digest
from devbox.provision.variables import that_matter

LAYER_FORMAT = 1  # raised when devbox makes layers in another way, so that old ones are not taken
_NAME = re.compile(r"\b[a-z]\w*_\w+")
_RESEMBLING = 0.9  # of difflib's ratio: one letter more, fewer or exchanged
_BAKE_IN = re.compile(r"bake_in:\s*(?P<where>\S+)(?:\s+\((?P<why>.*)\))?")
_ENDINGS = (".yml", ".yaml")
_FOR_ALL = ("workarounds/", "playbooks/workarounds/", "playbooks/library/", "playbooks/module_utils/")
_TreeDigest: TypeAlias = Callable[[Path], str]


@dataclass(frozen=True)
class Playbook:
    """``summary`` is the file's first comment line; ``file`` is absolute."""

    name: str
    file: Path

    @property
    def summary(self) -> str:
        return next(self._header(), "").removesuffix(".")

    @property
    def needs_guest(self) -> str | None:
        """Why it can be baked in a running machine only, as a comment before its first line says; else None.

        ``# bake_in: guest (it starts a database)``; the reason in brackets may be left out.
        """
        for line in self._header():
            if (match := _BAKE_IN.fullmatch(line)) is None:
                continue
            if match["where"] == "guest":
                return match["why"] or ""
            raise Refused(
                f"The playbook '{self.name}' says 'bake_in: {match['where']}', and it can only say 'guest'.",
                details=f"{self.file}: {line}",
                advice="Take the comment away: what needs no running machine is baked where it is quicker.",
            )
        return None

    def _header(self) -> Iterator[str]:
        """The comments before anything else."""
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            text = line.strip()
            if text.startswith("#"):
                yield text.lstrip("#").strip()
            elif text and text != "---":
                return


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

    def mentions(self, name: str, word: str) -> bool:
        """Whether the playbook or one of its roles has the word; what lies beside for all does not count."""
        files = self._files([name])
        own = {shown: file for shown, file in files.items() if not shown.startswith(_FOR_ALL)}
        return any(word in text for text in _texts(own))

    def baked(self, name: str, variables: Mapping[str, object]) -> Brought:
        """All that decides what a layer holds that this one playbook makes, the layer below apart."""
        files = self._files([name])
        mattering = that_matter(_texts(files), variables)
        tools = {"ansible-core": version("ansible-core"), "layer": LAYER_FORMAT}
        return Brought.of(
            digests_of(files), mattering, sources=self._sources(mattering, tree_digest), tools=tools
        )

    def brought(
        self, machine: MachineSpec, variables: Mapping[str, object], *, baked: bool = False
    ) -> Brought:
        """All that decides what the machine's playbooks do: files, variables, source trees.

        ``baked`` says that a layer brings what its ``bake:`` asks for, and only the others count.
        """
        return self._brought(machine, variables, baked, tree_digest)

    def digests(self, environment: Environment, *, baked: bool = False) -> dict[str, str]:
        """For each machine that has playbooks, the digest of all that decides what they do."""
        return {name: brought.digest for name, brought in self._each(environment, baked)}

    def brought_json(self, environment: Environment, *, baked: bool = False) -> str:
        """The same part by part, to be kept and compared with what is there later."""
        kept = {name: dict(brought.parts) for name, brought in self._each(environment, baked)}
        return json.dumps(kept, indent=1, sort_keys=True)

    def misspelt(self, environment: Environment) -> dict[str, str]:
        """Variables that no playbook of the environment reads, by the name that each must be meant to be.

        One that resembles nothing is left alone: a playbook to come may want it.
        """
        names = {name for machine in environment.machines for name in (*machine.bake, *machine.provision)}
        texts = list(_texts(self._files(sorted(names))))
        unread = environment.vars.keys() - that_matter(texts, environment.vars).keys() if names else set()
        known = {word for text in texts for word in _NAME.findall(text)} if unread else set()
        close = {name: get_close_matches(name, known, n=1, cutoff=_RESEMBLING) for name in sorted(unread)}
        return {name: found[0] for name, found in close.items() if found}

    def _each(self, environment: Environment, baked: bool) -> Iterator[tuple[str, Brought]]:
        digest = cache(tree_digest)  # machines share source trees, which can be big
        for machine in environment.machines:
            if machine.provision or (machine.bake and not baked):
                yield machine.name, self._brought(machine, environment.vars, baked, digest)

    def _brought(
        self, machine: MachineSpec, variables: Mapping[str, object], baked: bool, digest: _TreeDigest
    ) -> Brought:
        """All variables count, but no tree that only a playbook of another machine names."""
        bake = () if baked else machine.bake
        files = self._files([*bake, *machine.provision])
        sources = self._sources(that_matter(_texts(files), variables), digest)
        listed = {"playbooks": [*bake, "--", *machine.provision]}
        return Brought.of(digests_of(files), {**variables, **listed}, sources=sources)

    def _files(self, names: Iterable[str]) -> dict[str, Path]:
        files: dict[str, Path] = {}
        for name in names:
            files |= files_brought_by(self.find(name).file, self.role_folders)
        settings = self.project / "ansible.cfg"
        return files | ({settings.name: settings} if settings.is_file() else {})

    def _sources(self, variables: Mapping[str, object], digest: _TreeDigest) -> dict[str, str]:
        folders = source_folders(variables, self.project)
        return {name: digest(folder) for name, folder in folders.items()}


def _texts(files: Mapping[str, Path]) -> Iterator[str]:
    for file in files.values():
        content = file.read_bytes()
        if b"\0" not in content:
            yield content.decode(errors="replace")
