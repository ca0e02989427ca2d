"""devbox.lock: the digests of the published images that a project stands on, for all who work on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from devbox.box import Box
from devbox.errors import BadInput

NAME = "devbox.lock"
_HEAD = """\
# The published images that this project stands on; commit this file.
# 'devbox boxes --refresh' tells which are no longer the newest, 'devbox build BOX --force' moves one.
"""


def pinned(boxes: Mapping[str, Box], folder: Path) -> dict[str, Box]:
    """The boxes with what the folder's devbox.lock says of them; BadInput with every mistake in it."""
    pins = read_pins(folder / NAME)
    return {
        name: replace(box, origin=replace(box.origin, locked=pins[name]))
        if box.origin and name in pins
        else box
        for name, box in boxes.items()
    }


def read_pins(file: Path) -> dict[str, str]:
    """Digests by box; nothing where there is no file."""
    if not file.exists():
        return {}
    from devbox.reading.documents import quoted, read
    from devbox.reading.names import DIGEST

    document = read(file)
    found = list(document.mistakes)
    for name, digest in document.root.items():
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            found.append(document.mistake((name,), f"{quoted(str(digest))} is no digest such as sha256:…"))
    if found:
        raise BadInput(found, advice=f"'{NAME}' is written by devbox: take the version of your repository.")
    return {str(name): str(digest) for name, digest in document.root.items()}


def pin(folder: Path, digests: Mapping[str, str]) -> None:
    """Write these down as well, if that changes anything; empty ones say nothing."""
    file = folder / NAME
    before = read_pins(file)
    after = before | {name: digest for name, digest in digests.items() if digest}
    if after == before:
        return
    lines = "".join(f"{name}: {digest}\n" for name, digest in sorted(after.items()))
    staged = file.with_name(f".{NAME}.{os.getpid()}")
    staged.write_text(_HEAD + lines)
    staged.replace(file)
