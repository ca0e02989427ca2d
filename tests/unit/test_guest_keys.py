"""Key pairs that OpenSSH takes, made once."""

from __future__ import annotations

import stat
import subprocess
import threading
from pathlib import Path

import paramiko
import pytest

from devbox.errors import DevboxError
from devbox.guest import keys


def test_a_pair_belongs_together(tmp_path: Path) -> None:
    pair = keys.ensure(tmp_path / "id", "someone")
    loaded = paramiko.Ed25519Key.from_private_key_file(str(tmp_path / "id"))
    assert pair.public == f"ssh-ed25519 {loaded.get_base64()}"
    assert (tmp_path / "id.pub").read_text() == f"{pair.public} someone\n"


def test_each_pair_is_another() -> None:
    assert keys.generate("x").public != keys.generate("x").public


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    keys.ensure(tmp_path / "new" / "id", "x")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new" / "id").stat().st_mode) == 0o600


def test_the_second_call_makes_nothing(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path / "id", "x")
    before = (tmp_path / "id").stat()
    second = keys.ensure(tmp_path / "id", "y")
    assert second == first
    assert (tmp_path / "id").stat().st_mtime_ns == before.st_mtime_ns


def test_callers_at_once_share_one_key(tmp_path: Path) -> None:
    found: list[bytes] = []
    start = threading.Barrier(8)

    def caller() -> None:
        start.wait()
        found.append(keys.ensure(tmp_path / "id", "x").private)

    threads = [threading.Thread(target=caller) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"id", "id.pub", ".id.lock"}


def test_a_lost_public_half_is_computed(tmp_path: Path) -> None:
    pair = keys.ensure(tmp_path / "id", "x")
    (tmp_path / "id.pub").unlink()
    assert keys.ensure(tmp_path / "id", "x").public == pair.public


def test_a_key_that_others_could_read_is_closed_again(tmp_path: Path) -> None:
    keys.ensure(tmp_path / "id", "x")
    (tmp_path / "id").chmod(0o644)
    keys.read(tmp_path / "id")
    assert stat.S_IMODE((tmp_path / "id").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", b"\xff\x00 nonsense"])
def test_a_damaged_key_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id").write_bytes(content)
    with pytest.raises(DevboxError, match=f"'{tmp_path}/id' is damaged") as raised:
        keys.ensure(tmp_path / "id", "x")
    assert raised.value.advice
    assert (tmp_path / "id").read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    paramiko.RSAKey.generate(1024).write_private_key_file(str(tmp_path / "id"))
    with pytest.raises(DevboxError, match="damaged") as raised:
        keys.read(tmp_path / "id")
    assert raised.value.details


def test_a_private_key_does_not_show_itself() -> None:
    pair = keys.generate("x")
    assert repr(pair) == f"KeyPair({keys.fingerprint(pair.public)})"


@pytest.mark.integration
def test_openssh_takes_the_key_and_shows_the_same_fingerprint(tmp_path: Path) -> None:
    pair = keys.ensure(tmp_path / "id", "someone")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(tmp_path / "id")], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[:2] == ["256", keys.fingerprint(pair.public)]
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", str(tmp_path / "id")], capture_output=True, text=True, check=True
    )
    assert derived.stdout.split()[:2] == pair.public.split()[:2]
