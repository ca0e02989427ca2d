"""The recipe of a base image: boxes/NAME.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devbox.units import Size


@dataclass(frozen=True)
class Origin:
    """Where a ready-made image is published, and how it is known to be the right one.

    ``locations`` are tried in order. ``checksums`` lists digests; it is signed in itself if
    ``signature`` is empty while there are ``fingerprints``, which are those of the primary keys that
    count, to be found in ``keys``. ``digest`` and ``locked`` (what a team once got) look like
    ``sha256:…``. Without any of these it must be ``insecure``.
    """

    locations: tuple[str, ...]
    checksums: str = ""
    signature: str = ""
    keys: str = ""
    fingerprints: tuple[str, ...] = ()
    digest: str = ""
    insecure: bool = False
    locked: str = ""


@dataclass(frozen=True)
class Box:
    name: str
    file: Path
    summary: str
    family: str
    release: str
    architecture: str
    packages: tuple[str, ...]
    disk: Size  # the image's own size; a machine's disk is at least that
    cpu: str  # QEMU's name of the CPU under emulation
    min_memory: Size
    origin: Origin | None = None  # None where devbox makes the image itself
    user: str = ""  # the account that a ready-made image brings
    cmdline: tuple[str, ...] = ()  # words that its kernel needs besides
    prepared: bool = True  # whether cloud-init can make a machine of devbox out of it
