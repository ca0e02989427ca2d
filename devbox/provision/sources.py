"""Source trees on this host that playbooks copy into machines, by content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from devbox.errors import Refused
from devbox.provision.brought import digest_of

# What the role source_venv leaves behind, see its tasks/source_path.yml, and what git and Python write on
# their own: fetching or running something on the host changes nothing.
_LEFT_AT_THE_TOP = frozenset({".stestr", ".tox", ".venv"})
_LEFT_ANYWHERE = frozenset({".git", "__pycache__"})
_LEFT_ENDINGS = (".egg-info", ".pyc")


def source_folders(variables: Mapping[str, object], project: Path) -> dict[str, Path]:
    """The folder of each variable that says ``{path: FOLDER}``, relative to the project.

    A mapping that says more than where a source is (a service's port and path) is no source.
    """
    folders: dict[str, Path] = {}
    for name, value in variables.items():
        written = _written_path(value)
        if not written:
            continue
        folder = project / written
        if not folder.is_dir():
            raise Refused(
                f"The variable '{name}' is the source tree '{written}', but there is no such folder.",
                details=f"looked for {folder}",
                advice="Put the tree there, or mend the variable's 'path:'; "
                "it is relative to the folder of devbox.yml, and templates are not read in it.",
            )
        folders[name] = folder
    return folders


def _written_path(value: object) -> str:
    """An empty version or ref says nothing, as in source_venv."""
    if not isinstance(value, Mapping) or not isinstance(path := value.get("path"), str):
        return ""
    return "" if any(said for key, said in value.items() if key != "path") else path


def tree_digest(folder: Path) -> str:
    """Of names, contents, executable bits and links' targets of all that is copied into a machine."""
    try:
        return digest_of(list(_entries(folder)))
    except OSError as error:
        raise Refused(
            f"The source tree '{folder}' can't be read.",
            details=str(error),
            advice="Make all its files readable for yourself, then run the command again.",
        ) from error


def _entries(folder: Path, inside: str = "") -> Iterator[tuple[str, str, str]]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if _left_behind(entry.name, inside):
            continue
        name, path = inside + entry.name, Path(entry.path)
        if entry.is_symlink():
            yield name, "link", str(path.readlink())
        elif entry.is_dir():
            yield from _entries(path, f"{name}/")
        elif entry.is_file():
            with path.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").hexdigest()
            yield name, "program" if entry.stat().st_mode & 0o100 else "file", content


def _left_behind(name: str, inside: str) -> bool:
    at_the_top = not inside and name in _LEFT_AT_THE_TOP
    return at_the_top or name in _LEFT_ANYWHERE or name.endswith(_LEFT_ENDINGS)
