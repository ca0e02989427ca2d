"""A cloud image as a distribution publishes one: Debian with cloud-init, and nothing of devbox in it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from devbox.build.image import build
from devbox.build.recipe import overlay, recipe_for
from devbox.paths import shipped
from devbox.reading.boxes import load_boxes

NAME = "debian-12-genericcloud-amd64.qcow2"
_FINISH = """\
#!/bin/sh
set -e
useradd --uid 1000 --user-group --create-home --shell /bin/bash debian
passwd --lock root >/dev/null
systemctl enable --quiet systemd-networkd.service
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /tmp/* /run/*
: >/etc/machine-id
"""


def cloud_image(kept: Path) -> Path:
    """A qcow2 file that boots through its own boot loader and asks cloud-init what to become; made once."""
    recipe = recipe_for(load_boxes([shipped("boxes")])["debian-12"])
    folder = kept / "published" / recipe.key[:16]
    if (folder / NAME).exists():
        return folder / NAME
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        work = Path(name)
        shutil.copytree(shipped("templates") / "boot", work / "boot")
        (work / "boot" / "finish.sh").write_text(_FINISH)
        grub = work / "guest" / "boot" / "grub"
        grub.mkdir(parents=True)
        shutil.copy(shipped("templates") / "guest" / "boot" / "grub" / "grub.cfg", grub)
        (work / "image").mkdir()
        ours = replace(recipe, boot=work / "boot", guest=overlay(work / "guest"))
        build(ours, work / "image", lambda _: None)
        return (work / "image" / "disk.qcow2").rename(folder / NAME)


class Signer:
    """A distribution's key, and what it signs."""

    def __init__(self, folder: Path, *, expires: str = "never") -> None:
        self.home = folder / "gpg"
        self.home.mkdir(mode=0o700)
        self._gpg("--quick-generate-key", "A Distribution <images@example.org>", "ed25519", "sign", expires)
        listed = self._gpg("--list-keys", "--with-colons").decode()
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        self.public = self._gpg("--armor", "--export")

    def detached(self, data: bytes, *options: str) -> bytes:
        return self._gpg(*options, "--armor", "--detach-sign", stdin=data)

    def clearsigned(self, data: bytes) -> bytes:
        return self._gpg("--clearsign", stdin=data)

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)

    def _gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        quiet = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--passphrase", ""]
        command = [*quiet, "--pinentry-mode", "loopback", *words]
        return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout
