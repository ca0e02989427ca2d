"""Copying files and folders over SFTP, to a server that is honest and to one that is not."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from sshd import Sshd, key_pair

from devbox.errors import DevboxError
from devbox.guest.copying import copy_from, copy_to
from devbox.guest.ssh import Endpoint, Session, connect


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """The machine's root folder."""
    folder = tmp_path / "far"
    folder.mkdir()
    return folder


@pytest.fixture
def near(tmp_path: Path) -> Path:
    folder = tmp_path / "near"
    folder.mkdir()
    return folder


@pytest.fixture
def session(tmp_path: Path, far: Path) -> Iterator[Session]:
    user, host = key_pair(tmp_path, "user"), key_pair(tmp_path, "host")
    ours, theirs = socket.socketpair()
    lies = {"up": "../escaped", "away": "/etc/passwd"}
    server = Sshd(theirs, tmp_path / "host", user.public, far, lies)
    endpoint = Endpoint(
        "api.g.devbox", IPv4Address("127.77.0.10"), 2222, "devbox", tmp_path / "user", host.public
    )
    with connect(endpoint, 20, ours) as session:
        yield session
    server.transport.close()


def tree(folder: Path) -> dict[str, tuple[str, object]]:
    """Everything below the folder: mode, and content or target."""
    found: dict[str, tuple[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        content: object = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.filemode(path.lstat().st_mode), content)
    return found


def plant(folder: Path) -> Path:
    """A folder with what people have: empty files, odd names, modes, links, nesting."""
    root = folder / "project"
    (root / "src" / "deep er").mkdir(parents=True)
    (root / "empty").touch(mode=0o600)
    (root / "run.sh").write_bytes(b"#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "src" / "ä 'quoted'").write_bytes(bytes(range(256)) * 3000)
    (root / "src" / "deep er" / "note").write_bytes(b"n")
    (root / "link").symlink_to("src/deep er")
    (root / "dangling").symlink_to("nowhere")
    (root / "src").chmod(0o750)
    return root


def test_a_folder_arrives_as_it_is(session: Session, near: Path, far: Path) -> None:
    copy_to(session, plant(near), "/project")
    assert tree(far) == tree(near)


def test_a_folder_comes_back_as_it_is(session: Session, near: Path, far: Path) -> None:
    plant(far)
    copy_from(session, "/project", near / "project")
    assert tree(near) == tree(far)


def test_both_ways_go_into_a_folder_that_exists(session: Session, near: Path, far: Path) -> None:
    (near / "one").write_text("1")
    (far / "there").mkdir()
    copy_to(session, near / "one", "/there")
    assert (far / "there" / "one").read_text() == "1"
    (near / "here").mkdir()
    copy_from(session, "/there/one", near / "here")
    assert (near / "here" / "one").read_text() == "1"


def test_again_replaces_and_keeps_what_else_is_there(session: Session, near: Path, far: Path) -> None:
    root = plant(near)
    copy_to(session, root, "/")
    (far / "project" / "theirs").write_text("kept")
    (root / "run.sh").write_bytes(b"changed")
    copy_to(session, root, "/")
    assert (far / "project" / "run.sh").read_bytes() == b"changed"
    assert (far / "project" / "theirs").read_text() == "kept"


def test_progress_counts_up_to_the_size(session: Session, near: Path) -> None:
    (near / "big").write_bytes(b"x" * 700_000)
    told: list[tuple[str, int, int]] = []
    copy_to(session, near / "big", "/big", lambda *step: told.append(step))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})
    assert told[-1] == (str(near / "big"), 700_000, 700_000)


def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(
    session: Session, near: Path, far: Path
) -> None:
    (near / "new").write_bytes(b"x" * 700_000)
    (far / "file").write_text("old")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_to(session, near / "new", "/file", interrupt)
    assert tree(far) == {"file": ("-rw-r--r--", b"old")}
    with pytest.raises(KeyboardInterrupt):
        copy_from(session, "/file", near / "new", interrupt)
    assert (near / "new").stat().st_size == 700_000
    assert len(list(near.iterdir())) == 1


def test_what_is_missing_is_named(session: Session, near: Path) -> None:
    with pytest.raises(DevboxError, match=f"'{near}/none' does not exist on this host"):
        copy_to(session, near / "none", "/x")
    with pytest.raises(DevboxError, match=r"'/none' does not exist on 'api\.g\.devbox'"):
        copy_from(session, "/none", near)
    (near / "a").touch()
    with pytest.raises(DevboxError, match=r"on 'api\.g\.devbox'"):
        copy_to(session, near / "a", "/no/such/folder/a")


def test_a_pipe_is_no_file(session: Session, near: Path) -> None:
    os.mkfifo(near / "pipe")
    with pytest.raises(DevboxError, match="neither a file nor a folder"):
        copy_to(session, near / "pipe", "/pipe")


def test_no_set_id_bits_come_from_a_machine(session: Session, near: Path, far: Path) -> None:
    (far / "tool").touch()
    (far / "tool").chmod(0o6755)
    copy_from(session, "/tool", near)
    assert stat.S_IMODE((near / "tool").stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["up", "away"])
def test_names_that_lead_elsewhere_are_refused(session: Session, near: Path, far: Path, name: str) -> None:
    """A machine may be taken over: what it lists must not decide where files land on the host."""
    (far / "folder").mkdir()
    (far / "folder" / name).write_text("x")
    with pytest.raises(DevboxError, match="impossible name"):
        copy_from(session, "/folder", near / "copy")
    assert tree(near) == {"copy": ("drwx------", None)}


def test_no_folder_is_copied_through_a_link(session: Session, near: Path, far: Path) -> None:
    """Else a machine could list a link first and then a folder of the same name behind it."""
    (far / "tree" / "inner").mkdir(parents=True)
    (far / "tree" / "inner" / "file").touch()
    (near / "tree").mkdir()
    (near / "elsewhere").mkdir()
    (near / "tree" / "inner").symlink_to(near / "elsewhere")
    with pytest.raises(DevboxError, match="is a link"):
        copy_from(session, "/tree", near)
    assert list((near / "elsewhere").iterdir()) == []
