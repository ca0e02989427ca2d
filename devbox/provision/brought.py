"""Everything that a playbook brings along, by content, so that a change can be seen and named."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devbox.errors import Refused

# Beside a playbook Ansible looks into these; what is used of them can be computed at run time, so all counts.
_BESIDE = (
    "tasks",
    "handlers",
    "templates",
    "files",
    "vars",
    "group_vars",
    "host_vars",
    "library",
    "module_utils",
    "action_plugins",
    "filter_plugins",
    "lookup_plugins",
    "test_plugins",
    "vars_plugins",
)
_MODULES = ("library", "module_utils")  # of roles used from elsewhere; beside a playbook they count anyway
_CATALOGUE, _CHOSEN = "workarounds", "workarounds_names"  # the role, and the entries that it is given
_ROLE_WORDS = ("import_role", "include_role")
_FILE_WORDS = ("import_playbook", "import_tasks", "include_tasks", "include_vars")
_CONTENT = {"files", "templates"}  # never tasks, whatever they look like
_NOISE = {"__pycache__", ".git"}
_NOISE_OF_A_ROLE = {"molecule", "tests", "README.md"}  # at its top; further down it may be what is copied


@dataclass(frozen=True)
class Brought:
    """``parts`` maps a name to its content's digest.

    Names are ``roles/x/tasks/main.yml``, ``vars.glance_source``, ``sources.glance_source`` (the tree that
    the variable names) and ``tools.ansible-core``.
    """

    parts: Mapping[str, str]

    @classmethod
    def of(
        cls,
        files: Mapping[str, str],
        variables: Mapping[str, object],
        *,
        sources: Mapping[str, str] | None = None,
        tools: Mapping[str, object] | None = None,
    ) -> Brought:
        """Files and source trees come as digests, variables and tools' versions as values."""
        values = {f"vars.{name}": digest_of(value) for name, value in variables.items()}
        trees = {f"sources.{name}": digest for name, digest in (sources or {}).items()}
        versions = {f"tools.{name}": digest_of(value) for name, value in (tools or {}).items()}
        return cls({**files, **values, **trees, **versions})

    @property
    def digest(self) -> str:
        return digest_of(dict(self.parts))

    def reasons(self, before: Mapping[str, str]) -> list[str]:
        """Sentences' halves that say why this differs from the parts that were there before."""
        names = sorted({*self.parts, *before})
        return [
            f"{name} {_verb(before.get(name), self.parts.get(name))}"
            for name in names
            if before.get(name) != self.parts.get(name)
        ]


def brought_by(playbook: Path, role_folders: Sequence[Path]) -> dict[str, str]:
    """Name to SHA-256 of each file that the playbook, its neighbours and its roles consist of."""
    return digests_of(files_brought_by(playbook, role_folders))


def digests_of(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}


def digest_of(value: object) -> str:
    """Of a value as JSON: the order of a mapping's keys is no difference."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def files_brought_by(playbook: Path, role_folders: Sequence[Path]) -> dict[str, Path]:
    """The files that the playbook, its neighbours and its roles consist of, by the name to show.

    A role that is named by a variable can be any: then all roles count. So it is with workarounds.
    """
    files: dict[str, Path] = {}
    roles: set[str] = set()
    waiting = [playbook]
    seen: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in seen or not file.is_file():
            continue
        seen.add(file)
        files[f"playbooks/{_relative(file, playbook.parent)}"] = file
        document = _load(file)
        roles |= set(_role_names(document))
        waiting += [file.parent / name for name in _words(document, _FILE_WORDS)]
        waiting += [file.parent / str(name) for name in _listed(document, "vars_files")]
    for folder in _BESIDE:
        there = _tree(playbook.parent / folder)
        files |= {f"playbooks/{folder}/{name}": file for name, file in there.items()}
        if folder not in _CONTENT:
            roles |= _roles_named_in(there)
    files |= _roles(roles, role_folders)
    for place in (folder.parent for folder in role_folders):
        if place.absolute() != playbook.parent.absolute():
            files |= _modules(place, files)
    return files | _workarounds(files, [folder.parent / _CATALOGUE for folder in role_folders])


def _modules(folder: Path, files: Mapping[str, Path]) -> dict[str, Path]:
    """The modules in the folder, where a text has the name of one of them."""
    modules = _tree(folder / "library")
    words = re.compile("|".join(rf"\b{re.escape(file.stem)}\b" for file in modules.values()).encode())
    if not modules or not any(words.search(file.read_bytes()) for file in files.values()):
        return {}
    return {f"{kind}/{name}": file for kind in _MODULES for name, file in _tree(folder / kind).items()}


def _workarounds(files: Mapping[str, Path], catalogues: Sequence[Path]) -> dict[str, Path]:
    """The files of the entries that the role workarounds is given, where it is used at all."""
    if not any(name.startswith(f"roles/{_CATALOGUE}/") for name in files):
        return {}
    chosen = {name for file in _texts_of(files, _CHOSEN) for name in _chosen(_load(file))}
    found: dict[str, Path] = {}
    for catalogue in catalogues:
        entries = sorted(catalogue.iterdir()) if catalogue.is_dir() else []
        for entry in entries:
            hidden = any(name.startswith(f"{_CATALOGUE}/{entry.name}/") for name in found)
            if entry.is_dir() and not hidden and ("*" in chosen or entry.name in chosen):
                found |= {f"{_CATALOGUE}/{entry.name}/{name}": file for name, file in _tree(entry).items()}
    return found


def _texts_of(files: Mapping[str, Path], word: str) -> list[Path]:
    return [
        file
        for name, file in files.items()
        if file.suffix in (".yml", ".yaml")
        and not name.startswith(f"roles/{_CATALOGUE}/")
        and word.encode() in file.read_bytes()
    ]


def _chosen(document: Any) -> Iterator[str]:
    """Names of entries; ``*`` where they are computed."""
    for node in _mappings(document):
        names = node.get(_CHOSEN)
        if isinstance(names, list) and not any("{{" in str(name) for name in names):
            yield from map(str, names)
        elif names is not None:
            yield "*"


def _roles(names: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """The files of the roles and of those that they depend on or include."""
    files: dict[str, Path] = {}
    waiting, seen = sorted(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if "{{" in name:
            waiting += [role.name for folder in folders if folder.is_dir() for role in folder.iterdir()]
            continue
        role = next((folder / name for folder in folders if (folder / name).is_dir()), None)
        if role is not None:
            there = _tree(role, _NOISE_OF_A_ROLE)
            files |= {f"roles/{name}/{inside}": file for inside, file in there.items()}
            waiting += sorted(_roles_named_in(there))
    return files


def _roles_named_in(files: Mapping[str, Path]) -> set[str]:
    """Most files have no word that could name a role, and reading YAML is what takes the time."""
    found: set[str] = set()
    for name, file in files.items():
        if file.suffix not in (".yml", ".yaml") or name.partition("/")[0] in _CONTENT:
            continue
        content = file.read_bytes()
        if b"role" in content or b"dependencies" in content:
            found.update(_role_names(_load(file)))
    return found


def _role_names(document: Any) -> Iterator[str]:
    """Roles that plays list, roles' meta files depend on, and tasks import or include."""
    yield from _words(document, _ROLE_WORDS)
    for key in ("roles", "dependencies"):
        for entry in _listed(document, key):
            name = entry.get("role", entry.get("name", "")) if isinstance(entry, dict) else entry
            if isinstance(name, str) and name:
                yield name


def _words(document: Any, words: Sequence[str]) -> Iterator[str]:
    """The names given to ``import_role``, ``ansible.builtin.import_role`` and the like, at any depth."""
    for node in _mappings(document):
        for key, value in node.items():
            if isinstance(key, str) and key.rpartition(".")[2] in words:
                name = value.get("name", value.get("file")) if isinstance(value, dict) else value
                if isinstance(name, str):
                    yield name.removeprefix("name=")


def _listed(document: Any, key: str) -> Iterator[Any]:
    for node in _mappings(document):
        value = node.get(key)
        if isinstance(value, list):
            yield from value


def _mappings(document: Any) -> Iterator[dict[Any, Any]]:
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from _mappings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _mappings(value)


# libyaml's loader reads ten times as fast; where PyYAML was built without it, its own does the same.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Safe):  # type: ignore[misc]
    """Safe, and blind to tags such as !vault, whose content is of no interest here."""


_Loader.add_multi_constructor("!", lambda *_: None)


def _load(file: Path) -> Any:
    try:
        return _Loader(file.read_bytes()).get_single_data()
    except yaml.YAMLError as error:
        raise Refused(
            f"'{file}' is no YAML.", details=str(error), advice="Mend the file, then run the command again."
        ) from error


def _tree(folder: Path, noise_at_the_top: Collection[str] = ()) -> dict[str, Path]:
    """The files below the folder, by their name in it."""
    if not folder.is_dir():
        return {}
    inside = {file.relative_to(folder): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {
        str(name): file
        for name, file in inside.items()
        if not _NOISE & {*name.parts} and name.parts[0] not in noise_at_the_top
    }


def _relative(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _verb(before: str | None, after: str | None) -> str:
    if before is None:
        return "is new"
    return "is gone" if after is None else "differs"
