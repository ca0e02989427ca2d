"""Booting an image as one would by hand: one QEMU command, and ssh in a loop."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.host import Failed
from devbox.paths import Home

_TAKEN = frozenset({"-accel", "-append", "-cpu", "-initrd", "-kernel", "-m", "-netdev", "-smp"})
_NIC = "virtio-net-pci"
_FORWARD = re.compile(r"hostfwd=tcp:([0-9.]+):([0-9]+)-")  # the first is sshd's
_PATIENCE = 300.0


@dataclass(frozen=True)
class Boot:
    """What it takes to boot a guest without devbox and libvirt."""

    folder: Path
    options: tuple[str, ...]  # of QEMU: what one boot has and another has not
    base: Path
    size: str  # of the disk; empty for the base's own
    ssh: tuple[str, ...]
    address: tuple[str, int]

    @contextmanager
    def running(self) -> Iterator[None]:
        overlay = self.folder / "overlay.qcow2"
        create: list[str | Path] = [
            "qemu-img",
            "create",
            "-q",
            "-f",
            "qcow2",
            "-b",
            self.base,
            "-F",
            "qcow2",
            overlay,
        ]
        subprocess.run([*create, *filter(None, [self.size])], check=True)
        machine = ["-machine", "q35", "-nodefaults", "-display", "none"]
        devices = ["-serial", f"file:{self.folder / 'console.log'}", "-device", "virtio-rng-pci"]
        disk = ["-drive", f"file={overlay},if=virtio,discard=unmap"]  # the first one: firmware boots it
        argv = ["qemu-system-x86_64", *machine, *devices, *disk, *self.options]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()

    def first_command(self) -> None:
        """Wait for sshd's greeting, then run `true` over SSH."""
        deadline = time.monotonic() + _PATIENCE
        while not self._greets() or subprocess.run([*self.ssh, "true"], check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise Failed(f"booted by hand, the machine did not answer; see {self.folder}")
            time.sleep(0.05)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(self.address, timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def boot_of(home: Home, environment: str, machine: str, folder: Path) -> Boot:
    """The boot of a machine that runs, with copies of the files that `devbox destroy` removes."""
    paths = home.environment(environment)
    files = paths.machine(machine)
    shutil.copy(files.identity, folder / "identity.tar")
    shutil.copy(paths.known_hosts, folder / "known_hosts")
    _, command = qemu_with(files.disk)
    options = _options(command)
    address, port = _FORWARD.findall(" ".join(options))[0]
    image = subprocess.run(
        ["qemu-img", "info", "-U", "--output=json", files.disk], check=True, capture_output=True, text=True
    )
    return Boot(
        folder,
        (*options, "-fw_cfg", f"name=opt/devbox/identity,file={folder / 'identity.tar'}"),
        Path(json.loads(image.stdout)["full-backing-filename"]),
        "",
        ssh_words(home.key, folder / "known_hosts", f"{machine}.{environment}.devbox", (address, int(port))),
        (address, int(port)),
    )


def qemu_with(disk: Path) -> tuple[int, list[str]]:
    """The process and the command line of the QEMU that has the disk."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"qemu-system" in command.split(b"\0")[0] and os.fsencode(disk) in command:
            return int(folder.name), [os.fsdecode(word) for word in command.split(b"\0")]
    raise Failed(f"no QEMU runs with the disk {disk}")


def ssh_words(key: Path, known_hosts: Path, alias: str, address: tuple[str, int]) -> tuple[str, ...]:
    """OpenSSH's command line up to the command, which runs only in the machine whose key is known."""
    settings = {
        "HostKeyAlias": alias,
        "IdentitiesOnly": "yes",
        "KexAlgorithms": "curve25519-sha256",  # the hybrid ones cost where the guest is emulated
        "LogLevel": "ERROR",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known_hosts),
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    return ("ssh", "-F", "none", "-i", str(key), "-p", str(address[1]), *options, f"devbox@{address[0]}")


def _options(command: list[str]) -> tuple[str, ...]:
    pairs = itertools.pairwise(command)
    chosen = [pair for pair in pairs if pair[0] in _TAKEN or (pair[0] == "-device" and _NIC in pair[1])]
    return tuple(word for pair in chosen for word in pair)
