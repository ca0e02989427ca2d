"""An image: the immutable disk that machines stand on, what boots it, and its manifest."""

from __future__ import annotations

import hashlib
import json
import lzma
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devbox import process, seals
from devbox.box import Box
from devbox.build import disk, grub, published
from devbox.build.bootstrap import Root, make_root
from devbox.build.initrd import MODULES, Kernel, initrd, run_entries
from devbox.build.recipe import Recipe, recipe_for
from devbox.errors import DevboxError
from devbox.events import Emit, Event, Kind
from devbox.host import accelerator, disk_room, memory
from devbox.paths import Home, configuration, private_folder
from devbox.store import Store, write_manifest
from devbox.store import manifest as manifest_of
from devbox.reading.configuration import load_configuration
from devbox.units import Size

_FORMAT = 1
_ROOM = Size(2 << 30)  # the root file system raw and as qcow2, with a reserve
_MEMORY = Size(3 << 29)  # the root file system while it is made
_PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "qemu-img": "qemu-utils",
    "mformat": "mtools",
    "grub-mkimage": "grub-common",
}
_GRUB_FILES = {"i386-pc/boot.img": "grub-pc-bin", "x86_64-efi/kernel.img": "grub-efi-amd64-bin"}


@dataclass(frozen=True)
class Image:
    """One image of the store; ``manifest`` names its inputs, packages and digests."""

    folder: Path
    key: str
    box: str
    cmdline: str
    virtual_size: Size
    manifest: dict[str, Any]

    @property
    def disk(self) -> Path:
        return self.folder / "disk.qcow2"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"


def load_image(home: Home, key: str) -> Image:
    """The image of that key in the store; DevboxError where it is missing or unreadable."""
    folder = home.images / key
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        cmdline, size = manifest["cmdline"], Size(manifest["virtual_size"])
        return Image(folder, key, manifest["box"], cmdline, size, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DevboxError(
            f"The image '{key[:12]}' in '{home.images}' can't be read.",
            details=str(error),
            advice="Remove its folder and run the command again: it is built anew.",
        ) from error


def image_key(box: Box, home: Home) -> str:
    """The key of the box's image on this host, whether it exists or not."""
    return _recipe(box, home, _edition(home, box)).key


def _recipe(box: Box, home: Home, edition: str) -> Recipe | published.Published:
    if box.origin is None:
        return recipe_for(box, edition=edition)
    found = published.published(box, box.origin, edition=edition)
    if box.origin.locked and digest_of(home, found.key) != box.origin.locked:
        return published.published(box, box.origin, locked=True)
    return found


def digest_of(home: Home, key: str) -> str:
    """The digest of what the stored image was fetched as; empty where it is not there, or made here."""
    return str(manifest_of(home.images / key).get("origin", {}).get("digest", ""))


def obtain_image(box: Box, home: Home, emit: Emit, *, fresh: bool = False) -> Image:
    """The box's image, built unless the store has it; ``fresh`` builds another, with today's packages.

    Two callers at once share one build. Raises DevboxError with what the build said when it fails.
    """
    edition = datetime.now(UTC).isoformat(timespec="seconds") if fresh else _edition(home, box)
    recipe = _recipe(box, home, edition)
    subject = f"image.{box.name}"

    def told(text: str) -> None:
        emit(Event(Kind.PROGRESS, subject, text))

    def make(folder: Path) -> None:
        if isinstance(recipe, published.Published):
            settings = load_configuration(configuration()).fetch
            published.make(recipe, folder, settings, accelerator(home), told)
        else:
            build(recipe, folder, told)
        seals.seal(folder)

    store = Store(home)
    if store.find(recipe.key) is None:
        (published.check_host if box.origin else check_host)(home, box)
    store.obtain(f"the image of '{box.name}'", recipe.key, make, lambda holder: told(f"waiting for {holder}"))
    if fresh:
        (private_folder(home.editions) / box.name).write_text(edition)
    return load_image(home, recipe.key)


def build(recipe: Recipe, folder: Path, progress: Callable[[str], None]) -> None:
    """Fill an empty folder with the image's files."""
    layout = disk.Layout(recipe.box.disk, recipe.key)
    raw = folder / "disk.raw"
    with tempfile.TemporaryDirectory(dir=folder, prefix="work.") as name:
        work = Path(name)
        disk.make_disk(raw, layout)
        root = make_root(recipe, raw, layout, work, progress)
        progress("writing the boot loaders")
        early = recipe.boot / "grub-early.cfg"
        grub.install_bios(raw, layout.bios.start, layout.bios.size, early, work)
        grub.install_efi(raw, layout.efi.start, layout.efi.size, early, work)
        progress("storing the disk")
        disk.to_qcow2(raw, folder / "disk.qcow2")
        raw.unlink()
        shutil.copyfile(root.kernel, folder / "vmlinuz")
        (folder / "initrd").write_bytes(_initrd(recipe, root))
        write_manifest(folder, _manifest(recipe, root, folder))
    for file in folder.iterdir():
        file.chmod(0o400)


def check_host(home: Home, box: Box) -> None:
    """Refuse what can't succeed before anything is done: programs, room on the disk and in memory."""
    absent = {package for program, package in _PROGRAMS.items() if not process.have(program)}
    absent |= {package for file, package in _GRUB_FILES.items() if not (grub.FOLDER / file).exists()}
    if absent:
        packages = " ".join(sorted(absent))
        raise DevboxError(
            f"The image of '{box.name}' can't be built: the host lacks the packages {packages}.",
            advice=f"Install them: 'apt-get install {packages}' (as root, or with sudo).",
        )
    free = disk_room(home.root)
    if free < _ROOM:
        raise DevboxError(
            f"Building the image of '{box.name}' needs {_ROOM} of room in '{home.root}', "
            f"and {free.mib}MiB are free.",
            advice="Make room, with 'devbox gc' for one, or set DEVBOX_HOME to a larger disk.",
        )
    available = memory().free
    if available < _MEMORY:
        raise DevboxError(
            f"Building the image of '{box.name}' needs {_MEMORY} of memory, "
            f"and {available.mib}MiB are available.",
            advice="Stop other programs or machines for as long as it takes.",
        )


def _initrd(recipe: Recipe, root: Root) -> bytes:
    kernel = Kernel(next(root.modules.iterdir()))
    return initrd(
        busybox=root.busybox.read_bytes(),
        init=(recipe.boot / "init").read_bytes(),
        modules=[_module(file) for file in kernel.load_order(MODULES)],
        run=run_entries(recipe.boot / "run", (recipe.boot / "masked").read_text()),
    )


def _module(file: Path) -> tuple[str, bytes]:
    """The module as busybox's insmod takes it: not compressed."""
    data = file.read_bytes()
    return (file.stem, lzma.decompress(data)) if file.suffix == ".xz" else (file.name, data)


def _manifest(recipe: Recipe, root: Root, folder: Path) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "box": recipe.box.name,
        "key": recipe.key,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "virtual_size": int(recipe.box.disk),
        "cmdline": recipe.cmdline,
        "inputs": recipe.inputs,
        "packages": root.packages,
        "files": {name: _described(folder / name) for name in ("disk.qcow2", "vmlinuz", "initrd")},
    }


def _described(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


def _edition(home: Home, box: Box) -> str:
    try:
        return (home.editions / box.name).read_text()
    except FileNotFoundError:
        return ""
