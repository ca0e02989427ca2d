"""The table of bad input, for the tests of the parser and of the program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devbox.errors import BadInput

HERE = Path(__file__).parent
PLAYBOOKS = ("site", "tools")


@dataclass(frozen=True)
class Case:
    name: str
    files: dict[str, bytes]  # of the project, by path
    says: tuple[str, ...]
    subject: str = "devbox.yml"  # the file that the case is about
    folder: bool = False  # the subject is a folder
    schema: bool = False  # the JSON schema tells, too
    small: bool = False  # holds on a host with 8 GiB, 2 CPUs and no low ports

    def write(self, folder: Path) -> Path:
        """Lay the project out in an empty folder and return the path of its devbox.yml."""
        for path, content in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        if self.folder:
            (folder / self.subject).mkdir()
        return folder / "devbox.yml"


def said(error: BadInput, folder: Path) -> list[str]:
    """The mistakes as the table writes them: with paths from the project's folder."""
    return [str(mistake).removeprefix(f"{folder}/") for mistake in error.mistakes]


def cases() -> list[Case]:
    rows = yaml.safe_load((HERE / "cases.yml").read_text())
    return [_case(row) for row in rows]


def good() -> Case:
    """The project that every case is a change of."""
    return _case({"case": "good", "says": []})


def _case(row: dict[str, Any]) -> Case:
    subject = "boxes/odd.yml" if row.get("box") else "devbox.yml"
    small = (HERE / "small.yml").read_bytes()
    files = {"devbox.yml": (HERE / "base.yml").read_bytes(), "boxes/small.yml": small}
    files |= {f"playbooks/{name}.yml": b"- hosts: all\n  tasks: []\n" for name in PLAYBOOKS}
    files |= {path: text.encode() for path, text in row.get("files", {}).items()}
    files[subject] = _content(row, small if row.get("box") else files["devbox.yml"])
    if "instead" in row:
        del files[subject]
    return Case(
        name=row["case"],
        files=files,
        says=tuple(row["says"]),
        subject=subject,
        folder=row.get("instead") == "folder",
        schema=row.get("schema", False),
        small=row.get("small", False),
    )


def _content(row: dict[str, Any], base: bytes) -> bytes:
    if "text" in row:
        return str(row["text"]).encode()
    if "latin1" in row:
        return str(row["latin1"]).encode("latin-1")
    if "repeat" in row:
        text, times = row["repeat"]
        return str(text).encode() * int(times)
    changed = base.decode()
    for old, new in row.get("change", {}).items():
        if old not in changed:
            raise ValueError(f"case '{row['case']}': '{old}' is not in the base")
        changed = changed.replace(old, new, 1)
    return changed.encode()
