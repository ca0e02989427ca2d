"""What the host is, for those who read the numbers elsewhere."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import libvirt

from devbox.host import accelerator, memory
from devbox.host.kvm import QEMU
from devbox.paths import Home


def facts(home: Home) -> dict[str, str]:
    """Each as text, under the words that a reader sees."""
    said = subprocess.run([QEMU, "--version"], check=True, capture_output=True, text=True).stdout
    return {
        "processor": processor(Path("/proc/cpuinfo").read_text()),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory().total) / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "QEMU": qemu_version(said),
        "libvirt": libvirt_version(libvirt.getVersion()),
        "accelerator": str(accelerator(home).kind),
    }


def processor(cpuinfo: str) -> str:
    models = (line for line in cpuinfo.splitlines() if line.startswith("model name"))
    return next(models, ": unknown").partition(":")[2].strip()


def qemu_version(said: str) -> str:
    """From the first line of `qemu-system-x86_64 --version`."""
    return said.partition("version ")[2].split()[0] if "version " in said else "unknown"


def libvirt_version(number: int) -> str:
    """From three numbers in one, as libvirt's own function tells them."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
