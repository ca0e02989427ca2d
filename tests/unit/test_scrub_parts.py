"""Parts of the scrubber: old recovery files, private keys, what other programs say, residue."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from made_trees import CANARIES, grow, inventory_of, picture, word

from devbox.errors import DevboxError, Refused
from devbox.scrub import legacy
from devbox.scrub.decide import decide
from devbox.scrub.free_space import free_blocks, free_inodes
from devbox.scrub.inventory import Kind
from devbox.scrub.keys import identities
from devbox.scrub.known_secrets import KINDS, found_in, kinds_in
from devbox.scrub.live import _commands, listed, quoted
from devbox.scrub.mounting import Partition
from devbox.scrub.operations import chosen
from devbox.scrub.packaged import Packaged
from devbox.scrub.report import Report
from devbox.scrub.residue import Found, Probes, judged, pieces_of
from devbox.scrub.rooted import Root

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def written(key: Any, file: Path, passphrase: bytes = b"") -> Path:
    how = form.BestAvailableEncryption(passphrase) if passphrase else form.NoEncryption()
    file.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, how))
    return file


def packed(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, contents in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(contents), 0o640, 1_400_000_000
            info.uid, info.gid = os.getuid(), os.getgid()
            archive.addfile(info, io.BytesIO(contents))
    return made.getvalue()


def old_file(file: Path, passphrase: bytes = b"0f1e-uuid-and-ten") -> Path:
    """As the dcm-agent scrubber wrote it in 2015."""
    inner = packed({"root/.ssh/id_rsa": b"key", "home/ann/.bash_history": b"ls\n"})
    salt = b"8 bytes."
    key, vector = legacy.key_and_vector(passphrase, salt)
    writing = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    pad = 16 - len(inner) % 16
    data = b"Salted__" + salt + writing.update(inner + bytes([pad]) * pad) + writing.finalize()
    sealed = KEY.public_key().encrypt(passphrase, padding.PKCS1v15())
    file.write_bytes(
        packed({"key": sealed, "public_key": b"ssh-rsa x", "data.enc": data, "recovery.sh": b"#!/bin/bash\n"})
    )
    return file


def test_old_recovery_files_are_put_back(tmp_path: Path) -> None:
    file, key = old_file(tmp_path / "old.tar.gz"), written(KEY, tmp_path / "id_rsa")
    (tmp_path / "tree").mkdir()
    assert legacy.is_legacy(file)
    assert legacy.listed(file, key) == [b"/root/.ssh/id_rsa", b"/home/ann/.bash_history"]
    with Root(tmp_path / "tree") as root:
        legacy.restore(file, key, root)
    back = tmp_path / "tree/root/.ssh/id_rsa"
    assert (back.read_bytes(), back.stat().st_mode & 0o777, back.stat().st_mtime) == (b"key", 0o640, 1.4e9)


def test_old_recovery_files_without_a_key_are_plain(tmp_path: Path) -> None:
    file = tmp_path / "plain.tar.gz"
    file.write_bytes(packed({"data.enc": packed({"etc/x": b"y"}), "recovery.sh": b""}))
    assert legacy.listed(file, tmp_path / "no key needed") == [b"/etc/x"]


def test_old_recovery_files_need_the_right_key(tmp_path: Path) -> None:
    file = old_file(tmp_path / "old.tar.gz")
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(DevboxError, match="can't be opened"):
        legacy.listed(file, written(other, tmp_path / "other"))
    with pytest.raises(Refused, match="no RSA key"):
        legacy.listed(file, written(ed25519.Ed25519PrivateKey.generate(), tmp_path / "ed"))
    (tmp_path / "text").write_text("age-encryption.org/v1\n")
    assert not legacy.is_legacy(tmp_path / "text")


@pytest.mark.integration
def test_the_key_of_old_files_is_what_openssl_makes_of_it(tmp_path: Path) -> None:
    words = ["openssl", "enc", "-aes-256-cbc", "-md", "md5", "-k", "secret", "-S", "3132333435363738", "-P"]
    said = subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    key, vector = legacy.key_and_vector(b"secret", b"12345678")
    assert f"key={key.hex().upper()}" in said
    assert f"iv ={vector.hex().upper()}" in said


def test_a_passphrase_is_asked_for(tmp_path: Path) -> None:
    key = written(ed25519.Ed25519PrivateKey.generate(), tmp_path / "id", b"open sesame")
    assert len(identities(key, lambda _: "open sesame")) == 1
    with pytest.raises(Refused, match="does not open"):
        identities(key, lambda _: "wrong")
    with pytest.raises(Refused, match="protected by a passphrase"):
        identities(key)


def test_what_is_no_identity_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(Refused, match="no private key"):
        identities(tmp_path / "text")
    with pytest.raises(Refused, match="can't be read"):
        identities(tmp_path / "nowhere")


def test_each_known_secret_is_known_and_its_sign_alone_is_none() -> None:
    found = {kind for contents in CANARIES.values() for kind in kinds_in(contents)}
    assert {kind.name for kind in KINDS} - found <= {
        "ssh2-key",
        "github-oauth-token",
        "github-fine-token",
        "python-index-token",
    }
    for kind in KINDS:
        assert kinds_in(kind.sign) == frozenset()
    for text in (b"'-----BEGIN RSA PRIVATE KEY-----\\n'", b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 64):
        assert kinds_in(text) == frozenset()


def test_a_key_in_one_line_of_json_is_known() -> None:
    text = b'{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n"}'
    assert [name for name, _, _ in found_in(text)] == ["private-key"]


def test_what_a_package_brought_and_nobody_changed_is_public() -> None:
    files = {
        b"/var/lib/dpkg/status": b"Package: tool\nStatus: install ok installed\n",
        b"/var/lib/dpkg/info/tool:amd64.md5sums": b"9dd4e461268c8034f5c8564e155c67a6  usr/share/a\n"
        b"9dd4e461268c8034f5c8564e155c67a6  usr/share/a.py\n"
        b"9dd4e461268c8034f5c8564e155c67a6  usr/share/b\n",
        b"/usr/share/a": b"x",
        b"/usr/share/a.py": b"x",
        b"/usr/share/__pycache__/a.cpython-311.pyc": b"compiled",
        b"/usr/share/b": b"changed",
    }

    def read(path: bytes) -> bytes:
        if path not in files:
            raise FileNotFoundError
        return files[path]

    packaged = Packaged(read)
    assert packaged.brought(b"/usr/share/a")
    assert packaged.brought(b"/usr/share/__pycache__/a.cpython-311.pyc")
    assert not packaged.brought(b"/usr/share/__pycache__/c.cpython-311.pyc")
    assert not packaged.brought(b"/usr/share/b")
    assert not packaged.brought(b"/usr/local/share/a")
    assert not packaged.brought(b"/srv/a")


def test_free_inodes_that_were_used_are_told_from_those_that_never_were() -> None:
    text = """\
Group 0: (Blocks 0-32767) csum 0x1 [ITABLE_ZEROED]
  100 free blocks, 6 free inodes, 2 directories, 4 unused inodes
  Free blocks: 5-9
  Free inodes: 3, 5, 7-10
Group 1: (Blocks 32768-65535) csum 0x2 [INODE_UNINIT]
  100 free blocks, 10 free inodes, 0 directories, 10 unused inodes
  Free inodes: 11-20
Group 2: (Blocks 65536-98303)
  0 free blocks, 1 free inodes, 1 directories
  Free inodes: 30
"""
    assert free_inodes(text, 10) == [3, 5, 30]
    assert free_blocks(text) == [(5, 9)]


@pytest.mark.parametrize(
    "name, yes",
    [
        ("UUID=ab-cd", True),
        ('LABEL="boot"', True),
        ("PARTUUID=12-34", True),
        ("/dev/vda2", True),
        ("/dev/nvme0n1p2", True),
        ("UUID=ff", False),
        ("/dev/vda1", False),
        ("LABEL=", False),
        ("tmpfs", False),
    ],
)
def test_fstab_names_partitions(name: str, yes: bool) -> None:
    assert Partition(2, 0, 1, "ext4", "ab-cd", "boot", "12-34").is_named(name) is yes


def test_the_machines_list_of_files_may_have_any_name_in_it() -> None:
    said = b"81a4 1 2 30 40\n41ed 1 3 4096 41\n\0/a\nb\0/\xff\0\0a1ff 1 4 7 42\n\0/link\0\0"
    entries = list(listed(said))
    assert [(entry.path, entry.kind, entry.size) for entry in entries] == [
        (b"/a\nb", Kind.FILE, 30),
        (b"/\xff", Kind.FOLDER, 0),
        (b"/link", Kind.LINK, 0),
    ]
    assert entries[0].stamp == (1, 2, 30, 40)
    with pytest.raises(DevboxError, match="can't be understood"):
        list(listed(b"81a4 1 2 30 40\n81a4 1 2 30 40\n\0/only one"))


@pytest.mark.integration
def test_the_shell_does_in_a_machine_what_was_decided(tmp_path: Path) -> None:
    """Paths are below a folder here; what they are made of is what a shell could fall over."""
    names = [b"a b", b"$(touch x)", b"it's", b"new\nline", b"-rf", b"\xff\xfe", b"*"]
    top = os.fsencode(tmp_path)
    grow(tmp_path, {b"/" + name: b"x" for name in names})
    inventory = inventory_of({b"/home/ann/.netrc": b"x"})
    change = decide(inventory, chosen(["service-credentials"]))[0]
    script = b""
    for number, name in enumerate(names):
        path = top + b"/" + name
        status = os.lstat(path)
        stamp = (status.st_dev, status.st_ino, status.st_size, int(status.st_mtime) + (name == b"*"))
        entry = type(change.entry)(path, Kind.FILE, 1, frozenset(), stamp)
        script += _commands(number, type(change)(entry, change.action, change.operation))
    said = subprocess.run(["sh"], input=script, capture_output=True, check=True, cwd=tmp_path).stdout
    assert [path.name for path in tmp_path.iterdir()] == ["*"]
    assert said == b"6\n"  # it was written to since
    assert quoted(b"it's") == b"'it'\\''s'"


def test_residue_in_no_file_is_left_and_in_a_twin_only_where_it_is_a_secret(tmp_path: Path) -> None:
    grow(tmp_path, CANARIES)
    probes = Probes()
    with Root(tmp_path) as root:
        changes = decide(root.inventory(), chosen())
        probes.gather(root, changes)
        assert word(b"/home/ann/.netrc") in probes.tokens
        assert word(b"/etc/environment") in probes.tokens
        assert word(b"/var/log/syslog") not in probes.tokens
        for change in changes:
            if change.entry.kind is Kind.FILE:
                with root.parent(change.path) as (at, name):
                    os.unlink(name, dir_fd=at)
        (tmp_path / "srv/copy").write_bytes(CANARIES[b"/home/ann/.netrc"])
        (tmp_path / "srv/log").write_bytes(CANARIES[b"/var/log/syslog"])
        found = [
            Found(at, pieces_of(CANARIES[path])[0], f"contents of {path.decode()}", path)
            for at, path in enumerate([b"/home/ann/.netrc", b"/var/log/syslog", b"/root/.my.cnf"])
        ]
        left, notes = judged(found, root, probes, [])
        assert left == [
            "contents of /home/ann/.netrc in /srv/copy",
            "contents of /root/.my.cnf at byte 2 of the disk, in no file",
        ]
        assert notes == []
        assert judged(found[:1], root, probes, [b"/srv"])[1] == ["contents of /home/ann/.netrc in /srv/copy"]


def test_a_report_that_found_something_is_not_good() -> None:
    report = Report("disk", chosen(), ())
    assert report.good
    assert report.as_text() == "disk: nothing to take away."
    worse = report.with_check("raw bytes", "all read", ("a key in no file",))
    assert not worse.good
    assert worse.as_json()["left"] == ["a key in no file"]
    assert "not all is gone" in worse.as_text()


def test_pictures_see_attributes(tmp_path: Path) -> None:
    grow(tmp_path, {b"/a": b"x"})
    before = picture(tmp_path)
    os.setxattr(tmp_path / "a", "user.k", b"v")
    assert picture(tmp_path) != before
