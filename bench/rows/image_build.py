"""Building an image, beside the bare mmdebstrap run that it contains."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.host import Host
from bench.row import Limit, Row, compare
from devbox.build.recipe import Recipe, recipe_for
from devbox.paths import shipped
from devbox.reading.boxes import load_boxes

# Into memory, as the build does, and nothing of it stays.
_BARE = 'mount -t tmpfs -o mode=0755,size=4g bench "$1" && cd / && shift && exec "$@"'


def measure(here: Host) -> Row:
    recipe = recipe_for(load_boxes([shipped("boxes")])["debian-12"])
    return compare(
        "image build, debian-12",
        lambda: here.devbox("build", "debian-12", "--force"),
        "bare mmdebstrap",
        lambda: bare(here, recipe),
        runs=2,
        limit=Limit(ratio=1.3),
    )


def bare(here: Host, recipe: Recipe) -> float:
    """Only mmdebstrap, with the same packages from the same sources."""
    box = recipe.box
    own = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        own = ["--user", "--map-root-user", "--map-auto", *own]
    what = [f"--architectures={box.architecture}", f"--include={','.join(recipe.packages)}"]
    sources = [source.line() for source in recipe.sources]
    with tempfile.TemporaryDirectory(prefix="devbox-bench-") as folder:
        root: list[str | Path] = ["unshare", *own, "--", "/bin/sh", "-c", _BARE, "sh", folder]
        command = ["mmdebstrap", "--mode=root", "--format=directory", "--variant=apt", *what, box.release]
        return here.run([*root, *command, folder, *sources])
