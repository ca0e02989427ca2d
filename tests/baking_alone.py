"""Bakes the layers that a project asks for, and makes no machine: python baking_alone.py PROJECT"""

from __future__ import annotations

import sys
from pathlib import Path

from devbox.planning import prepared
from devbox.resources import baking
from devbox.resources.hidden import sweep
from devbox.resources.layer import layers_of
from devbox.session import open_session


def main(project: str) -> None:
    session = open_session(Path(project))
    world = prepared(session.world)
    sweep(world.home, world.provider)
    for layer, _ in layers_of(world).values():
        sys.stdout.write(f"{baking.obtain(layer, f'layer.{layer.key[:12]}', world)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
