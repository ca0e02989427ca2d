"""The programs that devbox calls, and the command that installs them on each family of distributions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Family(StrEnum):
    DEBIAN = "debian"
    FEDORA = "fedora"
    OTHER = "other"


@dataclass(frozen=True)
class Program:
    """``purpose`` finishes the sentence 'it is needed to …'."""

    name: str
    purpose: str
    packages: Mapping[Family, str]
    essential: bool = True  # without it no machine runs


def _program(name: str, purpose: str, debian: str, fedora: str, *, essential: bool = True) -> Program:
    return Program(name, purpose, {Family.DEBIAN: debian, Family.FEDORA: fedora}, essential)


QEMU = _program("qemu-system-x86_64", "run machines", "qemu-system-x86", "qemu-system-x86-core")
PROGRAMS = (
    QEMU,
    _program("qemu-img", "make disks", "qemu-utils", "qemu-img"),
    _program(
        "libvirtd",
        "own machines",
        "libvirt-daemon libvirt-daemon-driver-qemu",
        "libvirt-daemon libvirt-daemon-driver-qemu",
    ),
    _program("bwrap", "start a private libvirt daemon", "bubblewrap", "bubblewrap"),
    _program("mmdebstrap", "build images", "mmdebstrap", "mmdebstrap"),
    _program("mke2fs", "build images", "e2fsprogs", "e2fsprogs"),
    _program("newuidmap", "build images without root", "uidmap", "shadow-utils"),
    _program("ssh", "join a machine's shell", "openssh-client", "openssh-clients"),
    _program("sfdisk", "build images", "fdisk", "util-linux"),
    _program("mkfs.vfat", "make images boot under UEFI", "dosfstools", "dosfstools"),
    _program(
        "grub-mkimage",
        "make images boot by themselves",
        "grub-common grub-pc-bin grub-efi-amd64-bin",
        "grub2-tools grub2-pc-modules grub2-efi-x64-modules",
    ),
    _program("virsh", "join a machine's console", "libvirt-clients", "libvirt-client"),
    _program("mcopy", "make images boot under UEFI", "mtools", "mtools"),
    _program("busybox", "boot images that others made", "busybox-static", "busybox", essential=False),
    _program("gpgv", "verify images that others signed", "gpgv", "gnupg2", essential=False),
    _program(
        "qemu-storage-daemon",
        "bake on the host, scrub disk images",
        "qemu-system-common",
        "qemu-img",
        essential=False,
    ),
    _program("fuse2fs", "bake on the host without root", "fuse2fs", "fuse2fs", essential=False),
    _program("git", "fetch sources for 'git:'", "git", "git-core", essential=False),
)


def install_command(family: Family, packages: Iterable[str], *, root: bool) -> str:
    """One line that can be pasted; empty where the distribution is unknown."""
    words = " ".join(sorted({word for package in packages for word in package.split()}))
    sudo = "" if root else "sudo "
    match family:
        case Family.DEBIAN:
            return f"{sudo}apt-get install --yes --no-install-recommends {words}"
        case Family.FEDORA:
            return f"{sudo}dnf install --assumeyes {words}"
        case Family.OTHER:
            return ""


def family(os_release: str) -> Family:
    """From the text of ``/etc/os-release``: ID, or what ID_LIKE says it descends from."""
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    names = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").replace("'", "").split()
    for name in names:
        if name in ("debian", "ubuntu"):
            return Family.DEBIAN
        if name in ("fedora", "rhel", "centos"):
            return Family.FEDORA
    return Family.OTHER
