"""GRUB for BIOS and UEFI, written into a disk image without mounting or attaching it."""

from __future__ import annotations

import struct
from pathlib import Path

from devbox import process

FOLDER = Path("/usr/lib/grub")
_COMMON = (
    "part_gpt",
    "ext2",
    "normal",
    "linux",
    "search",
    "search_label",
    "echo",
    "test",
    "serial",
    "terminal",
)
_BIOS_MODULES = (*_COMMON, "biosdisk")
_EFI_MODULES = (*_COMMON, "fat", "efi_gop")
_SECTOR = 512
# GRUB's include/grub/i386/pc/boot.h: where boot.img keeps the sector of core.img, and how it starts.
_KERNEL_SECTOR = 0x5C
_BOOT_CODE = 440  # bytes; the partition table's signature follows
# The last 12 bytes of core.img's first sector: start (64 bits), length and segment (16 bits each).
_BLOCK_LIST = _SECTOR - 12


def boot_sector(boot_image: bytes, core_sector: int) -> bytes:
    """The boot code for a disk whose core.img starts at ``core_sector``."""
    code = bytearray(boot_image[:_BOOT_CODE])
    struct.pack_into("<Q", code, _KERNEL_SECTOR, core_sector)
    return bytes(code)


def core_image(core: bytes, core_sector: int) -> bytes:
    """core.img for its place: its first sector loads the rest, which follows at once."""
    placed = bytearray(core)
    struct.pack_into("<Q", placed, _BLOCK_LIST, core_sector + 1)
    return bytes(placed)


def install_bios(disk: Path, core_sector: int, sectors: int, config: Path, work: Path) -> None:
    """Boot code into the first sector, core.img into the BIOS boot partition."""
    core = _make_image("i386-pc", _BIOS_MODULES, config, work / "core.img").read_bytes()
    if len(core) > sectors * _SECTOR:
        raise ValueError(f"core.img has {len(core)} bytes, its partition {sectors * _SECTOR}")
    with disk.open("r+b") as image:
        image.write(boot_sector((FOLDER / "i386-pc/boot.img").read_bytes(), core_sector))
        image.seek(core_sector * _SECTOR)
        image.write(core_image(core, core_sector))


def install_efi(disk: Path, start_sector: int, sectors: int, config: Path, work: Path) -> None:
    """A FAT file system with the loader at the path that firmware tries by itself."""
    loader = _make_image("x86_64-efi", _EFI_MODULES, config, work / "bootx64.efi")
    place = f"{disk}@@{start_sector * _SECTOR}"
    # The serial number is fixed: it would be the time otherwise.
    process.run(["mformat", "-i", place, "-T", str(sectors), "-N", "0df5b0c5", "-v", "ESP", "::"])
    process.run(["mmd", "-i", place, "::/EFI", "::/EFI/BOOT"])
    process.run(["mcopy", "-i", place, loader, "::/EFI/BOOT/BOOTX64.EFI"])


def _make_image(platform: str, modules: tuple[str, ...], config: Path, out: Path) -> Path:
    target = ["-O", platform, "-d", str(FOLDER / platform), "-p", "/boot/grub"]
    process.run(["grub-mkimage", *target, "-c", config, "-o", out, *modules])
    return out
