"""Images that somebody else made: fetched, verified, and prepared so that they boot and clone like ours."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import shutil
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devbox import process
from devbox.box import Box, Origin
from devbox.build.first_boot import Parts, prepare
from devbox.build.initrd import initrd, run_entries
from devbox.build.recipe import files_below, overlay
from devbox.configuration import FetchSettings
from devbox.errors import DevboxError
from devbox.fetch import Fetched, Fetching
from devbox.host import Accelerator, disk_room
from devbox.paths import Home, shipped
from devbox.store import write_manifest
from devbox.units import Size

VERSION = 1  # to be raised when the code of this package changes what it makes of an image
BUSYBOX = Path("/bin/busybox")
_DEBIAN = ("debian", "ubuntu")
_PROGRAMS = {"qemu-img": "qemu-utils", "qemu-system-x86_64": "qemu-system-x86", "mformat": "mtools"}
_CMDLINE = "rw console=ttyS0 quiet cloud-init=disabled cryptomgr.notests=1 nokaslr mitigations=off"
_INTERPRETER = 3  # a program header's type PT_INTERP, which static programs have none of


@dataclass(frozen=True)
class Published:
    """All that decides how the image turns out: where it comes from, and what is made of it."""

    box: Box
    origin: Origin
    guest: bytes
    inputs: dict[str, Any]

    @property
    def key(self) -> str:
        canonical = json.dumps(self.inputs, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def published(box: Box, origin: Origin, *, edition: str = "", locked: bool = False) -> Published:
    """With ``locked`` the digest that a team agreed on makes the image another one."""
    cloud, boot = shipped("templates") / "cloud", shipped("templates") / "boot"
    guest = guest_files(box.family)
    where = {name: value for name, value in asdict(origin).items() if name != "locked" or locked}
    files = [*files_below(cloud), boot / "init", *files_below(boot / "run")]
    inputs: dict[str, Any] = {
        "version": VERSION,
        "edition": edition,
        "origin": where,
        "user": box.user,
        "cmdline": [_CMDLINE, *box.cmdline],
        "disk": int(box.disk),
        "prepared": box.prepared,
        "guest": hashlib.sha256(guest).hexdigest(),
        "files": {str(file.name): hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
    }
    return Published(box, origin, guest, inputs)


def guest_files(family: str) -> bytes:
    """A tar of what a machine of ours has; boot loader and package manager stay the image's own."""
    folder = shipped("templates") / "guest"
    foreign = ["boot/"] if family in _DEBIAN else ["boot/", "etc/apt/", "etc/dpkg/"]
    with tempfile.TemporaryDirectory() as name:
        kept = Path(name)
        for file in files_below(folder):
            path = str(file.relative_to(folder))
            if not path.startswith(tuple(foreign)):
                (kept / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, kept / path)
        return overlay(kept)


def make(
    recipe: Published,
    folder: Path,
    settings: FetchSettings,
    accelerator: Accelerator,
    progress: Callable[[str], None],
) -> None:
    """Fill an empty folder with the image's files."""
    box = recipe.box
    fetched = Fetching(box.name, recipe.origin, folder, settings, progress).image()
    disk = folder / "disk.qcow2"
    _as_qcow2(fetched, disk, progress)
    _resize(box, fetched, disk)
    manifest = _manifest(recipe, fetched)
    if box.prepared:
        parts = prepare(box, disk, shipped("templates") / "cloud", recipe.guest, accelerator, progress)
        (folder / "vmlinuz").write_bytes(parts.kernel)
        (folder / "initrd").write_bytes(_initrd(parts))
        manifest |= {"cmdline": _cmdline(box, parts), "kernel": parts.release}
    write_manifest(folder, manifest)
    for file in folder.iterdir():
        file.chmod(0o400)


def check_host(home: Home, box: Box) -> None:
    """Refuse what can't succeed before anything is fetched."""
    absent = {package for program, package in _PROGRAMS.items() if not process.have(program)}
    if box.prepared and not is_static(BUSYBOX):
        absent.add("busybox-static")
    if box.origin and box.origin.fingerprints and not process.have("gpgv"):
        absent.add("gpgv")
    if absent:
        packages = " ".join(sorted(absent))
        raise DevboxError(
            f"The image of '{box.name}' can't be had: the host lacks the packages {packages}.",
            advice=f"Install them: 'apt-get install {packages}' (as root, or with sudo).",
        )
    free, needed = disk_room(home.root), Size(3 << 30)
    if free < needed:
        raise DevboxError(
            f"Fetching the image of '{box.name}' needs {needed} of room in '{home.root}', "
            f"and {free.mib}MiB are free.",
            advice="Make room, with 'devbox gc' for one, or set DEVBOX_HOME to a larger disk.",
        )


def is_static(program: Path) -> bool:
    """Whether a 64-bit ELF program needs no library (elf(5)); it runs where there is none yet."""
    try:
        data = program.read_bytes()[:4096]
    except OSError:
        return False
    if data[:5] != b"\x7fELF\x02":
        return False
    offset, size, count = (int.from_bytes(data[at : at + n], "little") for at, n in ((32, 8), (54, 2), (56, 2)))
    types = (int.from_bytes(data[at : at + 4], "little") for at in range(offset, offset + size * count, size))
    return _INTERPRETER not in types


def _as_qcow2(fetched: Fetched, disk: Path, progress: Callable[[str], None]) -> None:
    if fetched.form == "qcow2":
        fetched.file.rename(disk)
        return
    progress("storing the disk")
    process.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", fetched.file, disk])
    fetched.file.unlink()


def _resize(box: Box, fetched: Fetched, disk: Path) -> None:
    """Machines have at least the box's size; cloud-init grows the file system at the first boot."""
    if fetched.virtual_size > box.disk:
        raise DevboxError(
            f"The image of '{box.name}' is a disk of {fetched.virtual_size.mib}MiB, more than its box says.",
            advice=f"Write 'disk: {fetched.virtual_size.mib}MiB', or more, into '{box.file}'.",
        )
    if fetched.virtual_size < box.disk:
        process.run(["qemu-img", "resize", "-q", "-f", "qcow2", disk, str(int(box.disk))])


def _initrd(parts: Parts) -> bytes:
    boot, cloud = shipped("templates") / "boot", shipped("templates") / "cloud"
    ours = ("systemd/system/devbox-console.service", "systemd/system/multi-user.target.d/devbox.conf")
    run = [
        entry
        for entry in run_entries(boot / "run", (cloud / "masked").read_text())
        if entry.data in (b"/dev/null",) or entry.path.removeprefix("run/") in ours
    ]
    return initrd(
        busybox=BUSYBOX.read_bytes(),
        init=(boot / "init").read_bytes(),
        modules=[_module(name, data) for name, data in parts.modules],
        run=run,
    )


def _module(name: str, data: bytes) -> tuple[str, bytes]:
    """The module as busybox's insmod takes it: not compressed."""
    stem, _, ending = name.rpartition(".")
    match ending:
        case "xz":
            return stem, lzma.decompress(data)
        case "gz":
            return stem, zlib.decompress(data, wbits=31)
        case "zst":
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)) as reader:
                return stem, reader.read()
        case _:
            return name, data


def _cmdline(box: Box, parts: Parts) -> str:
    words = [f"root={parts.root}", f"rootfstype={parts.type}"]
    words += [f"rootflags={parts.flags}"] if parts.flags else []
    return " ".join([*words, _CMDLINE, *box.cmdline])


def _manifest(recipe: Published, fetched: Fetched) -> dict[str, Any]:
    return {
        "format": 1,
        "box": recipe.box.name,
        "key": recipe.key,
        "built": datetime.now(UTC).isoformat(timespec="seconds"),
        "virtual_size": int(recipe.box.disk),
        "cmdline": "",
        "inputs": recipe.inputs,
        "origin": {
            "location": fetched.location,
            "digest": str(fetched.digest),
            "trust": str(fetched.trust),
            "signed_by": fetched.signed_by,
        },
    }
