"""The first boot of a ready-made image, with a NoCloud seed that makes one of devbox's out of it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devbox import process
from devbox.box import Box
from devbox.errors import DevboxError
from devbox.host import Accelerator, Kind
from devbox.units import Size

_SEED_SECTORS = 16 << 11
_OUT = Size(256 << 20)  # a kernel and a few modules
_LEAST_MEMORY = Size(1 << 30)
_PATIENCE = {Kind.KVM: 300, Kind.TCG: 1800}  # seconds
_TAIL_LINES = 25
_SAYS = "devbox: "
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True)
class Parts:
    """What boots the image directly: ``modules`` in the order in which they load."""

    kernel: bytes
    modules: tuple[tuple[str, bytes], ...]
    root: str  # its device
    type: str  # of its file system
    flags: str  # with which it is mounted
    release: str  # the kernel's


def prepare(
    box: Box, disk: Path, seed: Path, guest: bytes, accelerator: Accelerator, progress: Callable[[str], None]
) -> Parts:
    """Boot the disk, which is changed, with the files of the folder ``seed`` and the tar ``guest``.

    It sees no network but a DHCP server. Raises DevboxError with the end of its console.
    """
    image, out = disk.with_name("seed.img"), disk.with_name("out.img")
    _write_seed(image, seed, {"guest.tar": guest, "box": f"user={box.user}\n".encode(), "meta-data": _META})
    with out.open("wb") as empty:
        empty.truncate(_OUT)
    console: list[str] = []

    def heard(line: str) -> None:
        console.append(line)
        del console[:-200]
        if line.startswith(_SAYS):
            progress(line.strip().removeprefix(_SAYS))

    progress("booting it for the first time")
    # the machine ends with devbox, and after a while by itself
    limit = ["timeout", "--signal=KILL", str(_PATIENCE[accelerator.kind])]
    try:
        process.stream([*limit, *process.tethered(_qemu(box, disk, image, out, accelerator))], heard)
        return _parts(out)
    except (process.CommandFailed, tarfile.TarError, KeyError) as error:
        raise DevboxError(
            f"The image of the box '{box.name}' could not be prepared at its first boot.",
            details="\n".join([line for line in console if line.strip()][-_TAIL_LINES:]),
            advice="It needs cloud-init and systemd; for one that has neither, write 'prepared: false'.",
        ) from error
    finally:
        image.unlink(missing_ok=True)
        out.unlink(missing_ok=True)


_META = b"instance-id: devbox-first-boot\n"


def _write_seed(image: Path, folder: Path, more: dict[str, bytes]) -> None:
    """A FAT file system, which cloud-init's NoCloud finds by its label."""
    with image.open("wb") as empty:
        empty.truncate(_SEED_SECTORS * 512)
    process.run(["mformat", "-i", image, "-T", str(_SEED_SECTORS), "-v", "CIDATA", "::"])
    for name in ("user-data", "prepare.sh"):
        process.run(["mcopy", "-i", image, folder / name, f"::/{name}"])
    for name, content in more.items():
        process.run(["mcopy", "-i", image, "-", f"::/{name}"], stdin=content)


def _qemu(box: Box, disk: Path, seed: Path, out: Path, accelerator: Accelerator) -> list[str]:
    memory = max(box.min_memory, _LEAST_MEMORY)
    cpu = "host" if accelerator.kind is Kind.KVM else box.cpu
    words = ["qemu-system-x86_64", "-machine", "q35", "-accel", str(accelerator.kind), "-cpu", cpu]
    words += ["-smp", "2", "-m", f"{memory.mib}M", "-nodefaults", "-no-user-config", "-display", "none"]
    words += ["-sandbox", _SANDBOX, "-serial", "stdio", "-device", "virtio-rng-pci"]
    words += ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"]
    for number, (name, options) in enumerate(_drives(disk, seed, out)):
        words += ["-drive", f"if=none,id={name},{options}"]
        words += ["-device", f"virtio-blk-pci,drive={name},serial=devbox-{name},bootindex={number}"]
    return words


def _drives(disk: Path, seed: Path, out: Path) -> Iterator[tuple[str, str]]:
    def path(file: Path) -> str:
        return str(file).replace(",", ",,")

    yield "root", f"file={path(disk)},format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap"
    yield "seed", f"file={path(seed)},format=raw,read-only=on"
    yield "out", f"file={path(out)},format=raw,cache=unsafe"


def _parts(out: Path) -> Parts:
    with tarfile.open(out) as archive:

        def content(name: str) -> bytes:
            member = archive.extractfile(name)
            if member is None:
                raise KeyError(name)
            return member.read()

        facts = dict(line.split("=", 1) for line in content("facts").decode().splitlines())
        names = sorted(
            member.name for member in archive if member.isfile() and member.name.startswith("modules/")
        )
        modules = tuple((name.rpartition("/")[2], content(name)) for name in names)
        kernel = content("vmlinuz")
    return Parts(kernel, modules, facts["root"], facts["type"], facts["flags"], facts["release"])
