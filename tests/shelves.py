"""Stores for tests: folders with disks that stand on each other, made without qemu-img."""

from __future__ import annotations

import json
import os
import struct
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devbox import seals
from devbox.layers import Layer, base_disk
from devbox.paths import Home
from devbox.resources import MachineResource
from devbox.resources.saved import Checkpoint
from devbox.store import Shelf, Store

DAY = 86400
_SIZE = 1 << 30


def key(number: int) -> str:
    return f"{number:02x}" * 32


def write_disk(disk: Path, base: Path | None = None, content: bytes = b"") -> Path:
    """A qcow2 file as far as its header goes."""
    disk.parent.mkdir(parents=True, exist_ok=True)
    name = os.fsencode(base) if base else b""
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 32 if base else 0, len(name), 16, _SIZE)
    disk.write_bytes(header + name + content)
    return disk


def put(
    home: Home,
    shelf: Shelf,
    key: str,
    below: Path | None = None,
    *,
    days: float = 0,
    content: bytes = b"",
    beside: Mapping[str, str] | None = None,
    **manifest: Any,
) -> Path:
    """A whole, sealed thing of the store, unused for so many days; its disk is returned.

    ``beside`` holds more files, by name.
    """
    folder = Store(home, shelf).root / key
    disk = write_disk(folder / "disk.qcow2", below, content)
    (folder / "manifest.json").write_text(json.dumps({"format": 1, "key": key, **manifest}))
    for file, text in (beside or {}).items():
        (folder / file).write_text(text)
    seals.seal(folder)
    used = time.time() - days * DAY
    os.utime(folder, (used, used))
    return disk


def put_layer(home: Home, layer: Layer, **changes: Any) -> Path:
    """A layer on the image or layer below it, whose disk need not be there."""
    manifest = layer.manifest() | changes
    del manifest["key"], manifest["format"]
    below = base_disk(home, layer.image, "" if layer.parent == layer.image else layer.parent)
    return put(home, Shelf.LAYERS, layer.key, below, **manifest)


def put_checkpoint(
    folder: Path,
    name: str,
    machines: Sequence[MachineResource],
    base: Path,
    provisioned: Mapping[str, str] | None = None,
    maker: str = "fake",
) -> Checkpoint:
    """A whole, sealed checkpoint of machines that stood on ``base``."""
    applied = provisioned or {}
    described = {
        one.name: {"spec": one.spec(), "provisioned": applied.get(one.name, ""), "maker": maker}
        for one in machines
    }
    checkpoint = Checkpoint(folder, name, "2026-01-01T00:00:00+00:00", described, {})
    for one in machines:
        write_disk(folder / one.name / "disk.qcow2", base)
        (folder / one.name / "state").write_text(f"the state of {one.name}\n")
    (folder / "manifest.json").write_text(json.dumps(checkpoint.manifest(folder.name, "shop")))
    seals.seal(folder)
    return checkpoint
