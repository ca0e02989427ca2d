"""Layers: immutable disks that stand on an image or another layer, and the keys by which they are found.

What a layer is does not depend on where its playbook runs: that is for whoever fills it to say
(``devbox.resources.baking``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devbox.paths import Home
from devbox.provision.brought import Brought
from devbox.provision.playbooks import Playbooks
from devbox.store import Shelf, Store
from devbox.store import manifest as manifest_of

_FORMAT = 1
_SHOWN = 3


@dataclass(frozen=True)
class Layer:
    """A layer that some machine asks for, whether it exists or not.

    ``parent`` is the key of the layer below, or of the image; ``label`` tells people what is in it.
    """

    key: str
    parent: str
    image: str
    box: str
    playbook: str
    label: str
    brought: Brought

    def manifest(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "kind": "layer",
            "key": self.key,
            "parent": self.parent,
            "image": self.image,
            "box": self.box,
            "label": self.label,
            "playbook": self.playbook,
            "parts": dict(self.brought.parts),
            "built": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def layers_for(
    box: str, image: str, bake: Sequence[str], playbooks: Playbooks, variables: Mapping[str, object]
) -> tuple[Layer, ...]:
    """The layers of a machine, the lowest first: one for each playbook that is baked."""
    found: list[Layer] = []
    parent, label = image, box
    for playbook in bake:
        brought = playbooks.baked(playbook, variables)
        label = f"{label}+{playbook}"
        key = _key(parent, playbook, brought)
        found.append(Layer(key, parent, image, box, playbook, label, brought))
        parent = key
    return tuple(found)


def base_disk(home: Home, image: str, layer: str) -> Path:
    """The disk that a machine's own stands on: the layer's, or the image's where there is none."""
    return (home.layers / layer if layer else home.images / image) / "disk.qcow2"


def why_missing(home: Home, layer: Layer) -> str:
    """What differs from the newest layer of the same name: files, variables or what it stands on."""
    before = _newest(home, layer.label)
    if before is None:
        return "it was never baked here"
    parts = before.get("parts")
    reasons = layer.brought.reasons(parts if isinstance(parts, dict) else {})
    if before.get("parent") != layer.parent:
        reasons.append("what it stands on is new")
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return (", ".join(reasons[:_SHOWN]) + more) or "its cached copy is gone"


def _newest(home: Home, label: str) -> dict[str, Any] | None:
    store = Store(home, Shelf.LAYERS)
    known = [manifest_of(store.root / key) for key in store.stored()]
    same = [manifest for manifest in known if manifest.get("label") == label]
    return max(same, key=lambda manifest: str(manifest.get("built", "")), default=None)


def _key(parent: str, playbook: str, brought: Brought) -> str:
    return hashlib.sha256(f"{_FORMAT} {parent} {playbook} {brought.digest}".encode()).hexdigest()
