"""Booting an image as most tools do: firmware, GRUB from the disk, cloud-init with a seed disk."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

from bench.by_hand import Boot, ssh_words
from bench.host import Failed, Host
from devbox.build import image_key, load_image
from devbox.host import Kind, accelerator
from devbox.paths import shipped
from devbox.reading.boxes import load_boxes

_BOX = "debian-12"
_ALIAS = "stock"


def stock_boot(here: Host, folder: Path) -> Boot:
    """A boot of the same image, with as many processors and as much memory as the bare project's machine."""
    here.devbox("build", _BOX)
    box = load_boxes([shipped("boxes")])[_BOX]
    for name in ("host", "user"):
        make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
    host_public = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"{_ALIAS} {host_public}")
    seed = seed_disk(folder, (folder / "host").read_text(), host_public, (folder / "user.pub").read_text())
    address = "127.0.0.1", _free_port()
    return Boot(
        folder,
        options(accelerator(here.home).kind, box.cpu, seed, address),
        load_image(here.home, image_key(box, here.home)).disk,
        "8G",
        ssh_words(folder / "user", folder / "known_hosts", _ALIAS, address),
        address,
    )


def options(kind: Kind, cpu: str, seed: Path, address: tuple[str, int]) -> tuple[str, ...]:
    """QEMU's options; ``cpu`` is emulated where the host's own can't be had."""
    processor = ("-accel", "kvm", "-cpu", "host") if kind is Kind.KVM else ("-accel", "tcg", "-cpu", cpu)
    forward = f"hostfwd=tcp:{address[0]}:{address[1]}-:22"
    return (
        *processor,
        *("-smp", "2", "-m", "1024"),
        *("-drive", f"file={seed},if=virtio,format=raw,readonly=on"),
        *("-netdev", f"user,id=up,ipv6=off,{forward}", "-device", "virtio-net-pci,netdev=up,romfile="),
    )


def seed_disk(folder: Path, host_key: str, host_public: str, user_public: str) -> Path:
    """A disk that cloud-init's NoCloud reads: the user's key, and the host key that we know."""
    disk, meta, user = folder / "seed.img", folder / "meta-data", folder / "user-data"
    meta.write_text("instance-id: stock\nlocal-hostname: stock\n")
    user.write_text(user_data(host_key, host_public, user_public))
    with disk.open("wb") as file:
        file.truncate(1 << 20)
    try:
        subprocess.run(["mformat", "-i", disk, "-v", "CIDATA", "::"], check=True)
        subprocess.run(["mcopy", "-i", disk, meta, user, "::"], check=True)
    except FileNotFoundError as error:
        raise Failed(f"the seed disk needs mtools: {error}") from error
    return disk


def user_data(host_key: str, host_public: str, user_public: str) -> str:
    asked = {
        "users": [{"name": "devbox", "ssh_authorized_keys": [user_public.strip()]}],
        "ssh_keys": {"ed25519_private": host_key, "ed25519_public": host_public.strip()},
    }
    return f"#cloud-config\n{json.dumps(asked, indent=2)}\n"  # which YAML can read


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
