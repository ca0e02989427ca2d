"""The initial ram disk of the direct boot: busybox, a few modules and one script, as a cpio archive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# What the initial ram disk loads itself: the disk, the identity's way in, the network, the power button.
MODULES = ("virtio_pci", "virtio_blk", "qemu_fw_cfg", "virtio_net", "button", "evdev")
APPLETS = (
    *("cat", "cp", "grep", "insmod", "ip", "mount", "poweroff", "sed", "sh", "sleep"),
    *("switch_root", "tar", "umount", "usleep"),
)
_DIRECTORY, _FILE, _LINK, _CHARACTER = 0o040755, 0o100000, 0o120777, 0o020600
_CONSOLE = (5, 1)


@dataclass(frozen=True)
class Entry:
    path: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Kernel:
    """The modules of one installed kernel."""

    folder: Path  # lib/modules/VERSION

    def load_order(self, wanted: Iterable[str]) -> list[Path]:
        """The wanted modules' files, each after those it needs; what is built into the kernel is skipped."""
        needs = dependencies((self.folder / "modules.dep").read_text())
        by_name = {_module_name(path): path for path in needs}
        order: list[str] = []
        for name in wanted:
            if name in by_name:
                order += [*reversed(needs[by_name[name]]), by_name[name]]
        return [self.folder / path for path in dict.fromkeys(order)]


def dependencies(modules_dep: str) -> dict[str, list[str]]:
    """Each module's path and the paths it needs, the nearest first, as depmod wrote them."""
    return {
        module: needs.split()
        for module, _, needs in (line.partition(":") for line in modules_dep.splitlines())
        if module
    }


def initrd(
    *, busybox: bytes, init: bytes, modules: Iterable[tuple[str, bytes]], run: Iterable[Entry]
) -> bytes:
    """The archive; ``run`` are files that the machine finds below /run when systemd starts."""
    loaded = list(modules)
    entries = [Entry(name, _DIRECTORY) for name in ("bin", "dev", "modules", "proc", "root", "run", "sys")]
    entries.append(Entry("dev/console", _CHARACTER, device=_CONSOLE))
    entries.append(Entry("bin/busybox", _FILE | 0o755, busybox))
    entries += [Entry(f"bin/{applet}", _LINK, b"busybox") for applet in APPLETS]
    entries += [Entry(f"modules/{name}", _FILE | 0o644, data) for name, data in loaded]
    order = "".join(f"{name}\n" for name, _ in loaded)
    entries.append(Entry("modules/order", _FILE | 0o644, order.encode()))
    entries.append(Entry("init", _FILE | 0o755, init))
    return cpio([*entries, *_with_parents(run)])


def run_entries(folder: Path, masked: str) -> list[Entry]:
    """The files below ``folder``, and a mask for each path that ``masked`` names on a line of its own."""
    files = [
        Entry(f"run/{file.relative_to(folder)}", _FILE | 0o644, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    ]
    masks = [Entry(f"run/{path}", _LINK, b"/dev/null") for path in listed(masked)]
    return files + masks


def listed(text: str) -> list[str]:
    """The lines that are neither empty nor comments."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def cpio(entries: Iterable[Entry]) -> bytes:
    """An uncompressed archive in the "newc" format that the kernel unpacks; all is root's, of the epoch."""
    archive = bytearray()
    for number, entry in enumerate([*entries, Entry("TRAILER!!!", 0)], start=1):
        name = entry.path.encode() + b"\0"
        links, owner, time = 1, (0, 0), 0
        fields = (number, entry.mode, *owner, links, time, len(entry.data), 0, 0, *entry.device, len(name), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        archive += bytes(-len(archive) % 4)
        archive += entry.data
        archive += bytes(-len(archive) % 4)
    return bytes(archive + bytes(-len(archive) % 512))


def _with_parents(entries: Iterable[Entry]) -> list[Entry]:
    made: dict[str, Entry] = {}
    for entry in entries:
        for parent in reversed(PurePosixPath(entry.path).parents[:-2]):
            made.setdefault(str(parent), Entry(str(parent), _DIRECTORY))
        made[entry.path] = entry
    return list(made.values())


def _module_name(path: str) -> str:
    return PurePosixPath(path).name.split(".")[0].replace("-", "_")
