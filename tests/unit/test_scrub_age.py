"""Recovery files are opened by programs that know nothing of devbox: age and tar."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from devbox.scrub.engine import Request, scrub
from devbox.scrub.folder import FolderTarget
from devbox.scrub.keys import recipients
from devbox.scrub.operations import chosen
from devbox.scrub.rooted import Root

pytestmark = pytest.mark.integration

FILES = {"root/.netrc": "machine example password odd\n", "root/.bash_history": "ls\n", "etc/kept": "kept\n"}


def test_age_and_tar_put_everything_back(tmp_path: Path) -> None:
    key, tree, back, recovery = (tmp_path / name for name in ("key", "tree", "back", "recovery.age"))
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
    for name, text in FILES.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    secret = tree / "root" / ".netrc"
    secret.chmod(0o640)
    os.utime(secret, (1_500_000_000, 1_500_000_000))

    request = Request(operations=chosen([]), recovery=recovery, recipients=recipients([f"{key}.pub"]))
    scrub(FolderTarget(Root(tree), "tree"), request)

    assert not secret.exists()
    back.mkdir()
    opened = subprocess.run(["age", "--decrypt", "-i", key, recovery], check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-p", "-C", back], input=opened, check=True)
    found = (back / "root" / ".netrc").stat()
    assert (back / "root" / ".netrc").read_text() == FILES["root/.netrc"]
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 1_500_000_000)
    assert (back / "root" / ".bash_history").read_text() == FILES["root/.bash_history"]
    assert not (back / "etc" / "kept").exists()
