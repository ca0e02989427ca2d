"""Bakes a project's layers into a folder that is thrown away: python -m bench.bake PROJECT host|guest"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from devbox.environment import Where
from devbox.planning import prepared
from devbox.resources import baking
from devbox.resources.layer import layers_of
from devbox.session import open_session


def main(project: str, way: str) -> None:
    world = open_session(Path(project)).world
    world = prepared(replace(world, environment=replace(world.environment, bake_in=Where(way))))
    for layer, _ in layers_of(world).values():
        choice = baking.choice_of(layer, world)
        if choice.where != way:
            raise SystemExit(f"'{layer.label}' can't be baked so: {choice.why}")
        with tempfile.TemporaryDirectory(dir=world.home.root, prefix="bench-") as folder:
            baking.fill(layer, Path(folder) / "disk.qcow2", world)


if __name__ == "__main__":
    main(*sys.argv[1:])
