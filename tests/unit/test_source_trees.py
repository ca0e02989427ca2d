"""Source trees on this host: which variables name one, and what in it counts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devbox.errors import Refused
from devbox.provision.sources import source_folders, tree_digest


def test_a_source_is_relative_to_the_project_or_absolute(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    variables = {"near": {"path": "./tree"}, "far": {"path": str(tmp_path / "tree"), "ref": ""}}
    folder = tmp_path / "tree"
    assert source_folders(variables, tmp_path) == {"near": folder, "far": folder}


@pytest.mark.parametrize("path", ["./not-there", "file", "{{ devbox_project }}/tree"])
def test_a_source_that_is_no_folder_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "tree").mkdir()
    with pytest.raises(
        Refused, match=r"'mine' is the source tree '.*', but there is no such folder"
    ) as caught:
        source_folders({"mine": {"path": path}}, tmp_path)
    assert "relative to the folder of devbox.yml" in caught.value.advice


@pytest.mark.parametrize("value", [{"port": 80, "path": "/"}, {"path": ""}, {"path": 7}, ["path"], "path"])
def test_what_is_no_source_is_not_looked_for(tmp_path: Path, value: object) -> None:
    assert source_folders({"mine": value}, tmp_path) == {}


def edit(tree: Path, change: str) -> None:
    """One change that a programmer or a program makes in a source tree."""
    noise = {
        "git fetches": ".git/FETCH_HEAD",
        "a submodule is fetched": "lib/.git/FETCH_HEAD",
        "bytecode is written": "lib/__pycache__/module.cpython-311.pyc",
        "bytecode is written beside": "lib/module.pyc",
        "tox runs": ".tox/py3/bin/python",
        "a virtualenv is made": ".venv/pyvenv.cfg",
        "stestr runs": ".stestr/0",
        "it is installed": "lib.egg-info/PKG-INFO",
    }
    new = {"a file is new": "lib/new.py", "a virtualenv is kept further down": "lib/.venv/pyvenv.cfg"}
    if name := noise.get(change) or new.get(change):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x")
    elif change == "a file is read only":
        (tree / "lib/module.py").chmod(0o400)
    elif change == "a file is a program":
        (tree / "lib/module.py").chmod(0o755)
    elif change == "a file has another name":
        (tree / "lib/module.py").rename(tree / "lib/modules.py")
    elif change == "a link leads elsewhere":
        (tree / "link").unlink()
        (tree / "link").symlink_to("lib")
    elif change == "a pipe is there":
        os.mkfifo(tree / "pipe")


@pytest.mark.parametrize(
    "change, differs",
    [
        ("nothing", False),
        ("git fetches", False),
        ("a submodule is fetched", False),
        ("bytecode is written", False),
        ("bytecode is written beside", False),
        ("tox runs", False),
        ("a virtualenv is made", False),
        ("stestr runs", False),
        ("it is installed", False),
        ("a file is read only", False),
        ("a pipe is there", False),
        ("a file is new", True),
        ("a virtualenv is kept further down", True),
        ("a file is a program", True),
        ("a file has another name", True),
        ("a link leads elsewhere", True),
    ],
)
def test_what_changes_a_source_tree(tmp_path: Path, change: str, differs: bool) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/module.py").write_text("x = 1\n")
    (tmp_path / "lib/module.py").chmod(0o644)
    (tmp_path / "link").symlink_to("nowhere")
    before = tree_digest(tmp_path)
    edit(tmp_path, change)
    assert (tree_digest(tmp_path) != before) == differs


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    assert tree_digest(tmp_path) == tree_digest(tmp_path)


def test_a_source_tree_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"source tree '.*gone' can't be read"):
        tree_digest(tmp_path / "gone")
