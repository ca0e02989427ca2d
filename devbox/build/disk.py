"""The disk's layout: boot code, an EFI system partition, and the root last, so that it can grow."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from devbox import process
from devbox.units import Size

SECTOR = 512
ROOT_DEVICE = "/dev/vda3"
ROOT_NUMBER = 3  # as the partition is counted from 1
ROOT_LABEL = "devbox-root"
_BLOCK = 4096
_BACKUP_TABLE = 34  # sectors at the disk's end
_NAMESPACE = uuid.UUID("6ff52d0c-4f6c-4d13-9a5f-1c2f3a1b9f0e")
# Types by their GUIDs (UEFI specification; Discoverable Partitions Specification), as old sfdisks want them.
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_EFI_SYSTEM = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_ROOT_X86_64 = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"


@dataclass(frozen=True)
class Partition:
    name: str
    kind: str
    start: int  # sectors
    size: int


@dataclass(frozen=True)
class Layout:
    """Where things are on a disk of ``size`` bytes; ``key`` makes its identifiers."""

    size: Size
    key: str

    @property
    def bios(self) -> Partition:
        return Partition("bios", _BIOS_BOOT, 2048, 2048)

    @property
    def efi(self) -> Partition:
        return Partition("efi", _EFI_SYSTEM, 4096, 16384)

    @property
    def root(self) -> Partition:
        start = self.efi.start + self.efi.size
        return Partition("root", _ROOT_X86_64, start, self.root_blocks * _BLOCK // SECTOR)

    @property
    def root_size(self) -> int:
        """Bytes of the root file system, which the partition may exceed by less than a block."""
        return self.root_blocks * _BLOCK

    @property
    def root_offset(self) -> int:
        return (self.efi.start + self.efi.size) * SECTOR

    @property
    def root_blocks(self) -> int:
        return (self.size - self.root_offset - _BACKUP_TABLE * SECTOR) // _BLOCK

    def identifier(self, name: str) -> uuid.UUID:
        """The same for the same key, and another for each thing so named."""
        return uuid.uuid5(_NAMESPACE, f"{self.key}/{name}")

    def script(self) -> str:
        """The partition table in sfdisk's words."""
        lines = ["label: gpt", f"label-id: {self.identifier('disk')}", "first-lba: 34"]
        for part in (self.bios, self.efi, self.root):
            identifier = self.identifier(part.name)
            lines.append(
                f"start={part.start}, size={part.size}, type={part.kind}, uuid={identifier}, name={part.name}"
            )
        return "\n".join(lines) + "\n"

    def file_system(self) -> list[str]:
        """mke2fs's options; without what GRUB 2.06 can't read or an older e2fsck doesn't know."""
        identifier = self.identifier("root-fs")
        features = "^metadata_csum_seed,^orphan_file"
        # Without a size of blocks mke2fs takes their number for one of 1024 bytes each.
        return ["-b", str(_BLOCK), "-L", ROOT_LABEL, "-U", str(identifier), "-O", features, "-m", "1"]


def make_disk(path: Path, layout: Layout) -> None:
    """A sparse raw disk with its partition table."""
    with path.open("wb") as disk:
        disk.truncate(layout.size)
    program = process.which("sfdisk") or "sfdisk"
    process.run([program, "--quiet", "--no-reread", path], stdin=layout.script().encode())


def to_qcow2(raw: Path, qcow2: Path) -> None:
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-W", "-m", "4"]
    process.run([*convert, "-o", "lazy_refcounts=off,compat=1.1", raw, qcow2])
