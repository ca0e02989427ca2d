"""All that decides how an image turns out, as one value, and the digest of it that names the image."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devbox import process
from devbox.box import Box
from devbox.build.disk import ROOT_DEVICE
from devbox.build.initrd import listed
from devbox.build.sources import ARCHIVE_KEYRING, Source, host_sources, keyrings, sources_for
from devbox.paths import shipped

VERSION = 1  # to be raised when the code of this package changes what it makes
CMDLINE = " ".join(
    (
        f"root={ROOT_DEVICE} rw",
        "console=ttyS0 quiet",  # quiet but for what goes wrong
        "cloud-init=disabled",  # that is for other hosts
        # Self-tests of ciphers, a random place in memory, and detours around faults of real CPUs: each
        # costs an emulated machine time, and what they protect is thrown away soon.
        "cryptomgr.notests=1 nokaslr mitigations=off",
    )
)
_TOOLS = ("mmdebstrap", "grub-mkimage", "mke2fs")


@dataclass(frozen=True)
class Recipe:
    """What an image of the box is made from on this host."""

    box: Box
    sources: tuple[Source, ...]
    guest: bytes  # a tar of the files that are laid over the root file system
    boot: Path  # the folder of the boot's templates
    packages: tuple[str, ...]
    cmdline: str
    inputs: dict[str, Any]

    @property
    def key(self) -> str:
        canonical = json.dumps(self.inputs, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def recipe_for(box: Box, *, edition: str = "", root: Path = Path("/")) -> Recipe:
    """The recipe on the host below ``root``; another ``edition`` is another image with the same recipe.

    The time does not count: the same inputs give the same key, whenever the packages are fetched.
    """
    boot, guest_folder = shipped("templates") / "boot", shipped("templates") / "guest"
    sources = sources_for(host_sources(root), box.family, box.release)
    rings = [ring for ring in keyrings(sources) if ring.is_file()]
    # The archive's own keyrings are in a package of every image; others keep the path their source names.
    guest = overlay(guest_folder, [ring for ring in rings if not ring.name.startswith(ARCHIVE_KEYRING)])
    packages = tuple(dict.fromkeys([*listed((boot / "packages").read_text()), *box.packages]))
    inputs: dict[str, Any] = {
        "version": VERSION,
        "edition": edition,
        "family": box.family,
        "release": box.release,
        "architecture": box.architecture,
        "packages": list(packages),
        "disk": int(box.disk),
        "sources": [source.line() for source in sources],
        "keyrings": {str(ring): _digest(ring.read_bytes()) for ring in rings},
        "guest": _digest(guest),
        "boot": {str(file.relative_to(boot)): _digest(file.read_bytes()) for file in files_below(boot)},
        "cmdline": CMDLINE,
        "tools": {tool: _program_digest(tool) for tool in _TOOLS},
    }
    return Recipe(box, sources, guest, boot, packages, CMDLINE, inputs)


def overlay(folder: Path, extra: Iterable[Path] = ()) -> bytes:
    """A tar of the folder's files, root's own; what starts with "#!" can be executed.

    ``extra`` are files of the host that keep their path.
    """
    buffer = io.BytesIO()
    named = [(str(file.relative_to(folder)), file) for file in files_below(folder)]
    named += [(str(file).lstrip("/"), file) for file in extra]
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, file in named:
            data = file.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def files_below(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _program_digest(program: str) -> str:
    """Of the program's file: asking it for its version would take a tenth of a second at each 'up'."""
    path = process.which(program)
    return _digest(Path(path).read_bytes()) if path else "missing"
