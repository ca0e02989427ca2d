"""Whether guests really run on /dev/kvm here: tried with a tiny one, and remembered."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from devbox import process
from devbox.errors import DevboxError
from devbox.paths import Home, private_folder

DEVICE = Path("/dev/kvm")
QEMU = "qemu-system-x86_64"
_PATIENCE = 3.0  # seconds; the same guest takes 0.15 under emulation
_ARRIVED = 0x2A
_EXIT_STATUS = _ARRIVED << 1 | 1  # how isa-debug-exit reports a byte that the guest wrote

# What the tiny guest does, in 16-bit code until its last jump: empty page tables at 0x70000, of
# which the first entry maps 2 MiB; CR3, CR4.PAE, EFER.LME, a flat code segment, CR0.PG; then, as
# 64-bit code, it writes 0x2a to port 0xf4 and halts. A host whose KVM can do that can do more.
_LONG_MODE = bytes.fromhex(
    "fafcb800708ec031ff6631c0b9000c66f3ab2666c706000003100700"
    "2666c7060010032007002666c70600208300000066b8000007000f22"
    "d866b8200000000f22e066b9800000c00f320d00010f302e660f0116"
    "f00066b8010000800f22c066ead30201000800b02a66baf400eef4eb"
    "fd0f1f000000000000000000ffff0000009aaf000f00e0020100"
)


class Kind(StrEnum):
    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True)
class Accelerator:
    """How guests run here, and ``why`` as a sentence."""

    kind: Kind
    why: str


def linux_image(code: bytes) -> bytes:
    """A kernel image by the x86 Linux boot protocol whose real-mode entry is ``code``.

    The code is assembled for offset 0x6c of its segment and is entered at linear 0x1026c.
    """
    setup = bytearray(1024)
    setup[0x1F1] = 1  # one sector of set-up code after the boot sector
    setup[0x1FE:0x200] = b"\x55\xaa"
    setup[0x200:0x202] = b"\xeb\x6a"  # a jump over the header
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, 0x204)
    setup[0x211] = 1  # loaded high
    struct.pack_into("<I", setup, 0x22C, 0x37FFFFFF)  # the highest address for an initrd
    setup[0x26C : 0x26C + len(code)] = code
    return bytes(setup) + bytes(512)


def accelerator(home: Home) -> Accelerator:
    """What guests run on here: remembered in ``home.facts`` until kernel, QEMU or device change."""
    try:
        device = DEVICE.stat()
    except OSError:
        return Accelerator(Kind.TCG, "This host offers no /dev/kvm, so machines are emulated.")
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Accelerator(Kind.TCG, "This user may not open /dev/kvm, so machines are emulated.")
    key = _key(device)
    known = _recall(home, key)
    if known is None:
        known = probe()
        _remember(home, key, known)
    return known


def probe(kind: Kind = Kind.KVM) -> Accelerator:
    """Start the tiny guest and see whether it arrives in 64-bit mode."""
    with tempfile.NamedTemporaryFile(prefix="devbox-probe-") as image:
        image.write(linux_image(_LONG_MODE))
        image.flush()
        try:
            process.run(_probe_command(kind, image.name), timeout=_PATIENCE)
        except process.CommandFailed as error:
            if error.status == _EXIT_STATUS:
                return Accelerator(kind, f"A test guest ran with {kind}.")
            said = error.output.strip().splitlines()[-1:] or [f"status {error.status}"]
            return Accelerator(Kind.TCG, f"QEMU could not run a test guest with {kind} ({said[0]}).")
        except DevboxError:
            if process.which(QEMU) is None:
                raise
    return Accelerator(
        Kind.TCG, f"A test guest did not get anywhere with {kind} (/dev/kvm is there, but useless)."
    )


def _probe_command(kind: Kind, image: str) -> list[str]:
    machine = ["-machine", "q35", "-accel", str(kind), "-m", "64", "-no-reboot", "-kernel", image]
    silent = ["-nodefaults", "-no-user-config", "-display", "none", "-device", "isa-debug-exit,iobase=0xf4"]
    return [process.which(QEMU) or QEMU, *machine, *silent]


def _key(device: os.stat_result) -> dict[str, Any]:
    """Whatever could change the answer; the QEMU binary itself stands for its version."""
    program = process.which(QEMU)
    binary = Path(program).stat() if program else None
    return {
        "kernel": os.uname().release,
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "device": [device.st_rdev, device.st_ino, device.st_mode, device.st_uid, device.st_gid],
        "qemu": [binary.st_ino, binary.st_size, binary.st_mtime_ns] if binary else [],
        "user": os.geteuid(),
    }


def _facts(home: Home) -> dict[str, Any]:
    try:
        facts = json.loads(home.facts.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _recall(home: Home, key: dict[str, Any]) -> Accelerator | None:
    fact = _facts(home).get("accelerator")
    if not isinstance(fact, dict) or fact.get("key") != key:
        return None
    try:
        return Accelerator(Kind(fact["kind"]), str(fact["why"]))
    except (KeyError, ValueError):
        return None


def _remember(home: Home, key: dict[str, Any], found: Accelerator) -> None:
    facts = _facts(home) | {"accelerator": {"key": key, "kind": str(found.kind), "why": found.why}}
    private_folder(home.root)
    staged = home.facts.with_name(f".{home.facts.name}.{os.getpid()}")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps(facts, indent=1) + "\n")
    staged.replace(home.facts)
