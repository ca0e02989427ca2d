"""All that is on a disk's root file system, as texts to be compared; needs root."""

from __future__ import annotations

import subprocess
from pathlib import Path

# In mounts of its own, and on a plain file: whatever ends it, nothing stays and nobody waits.
_SCRIPT = """
mount -t ext4 -o "loop,ro,noload,offset=$3" "$1" "$2"
cd "$2"
find . -xdev -printf '%P\\t%y %m %U:%G %l\\n'
find . -xdev -type f -exec sha256sum {} + | sed 's|^\\([0-9a-f]*\\)  ./\\(.*\\)|\\2\\t\\1|'
chroot . dpkg-query --show --showformat 'package ${Package}\\t${Version} ${Status}\\n'
"""


def tree(disk: Path, offset: int, scratch: Path) -> dict[str, str]:
    """By path its type, mode, owner, link and digest; by ``package NAME`` its version and state."""
    raw, mount = scratch / "disk.raw", scratch / "mount"
    mount.mkdir()
    subprocess.run(["qemu-img", "convert", "-O", "raw", disk, raw], check=True)
    argv = ["unshare", "--mount", "sh", "-euc", _SCRIPT, "sh", str(raw), str(mount), str(offset)]
    said = subprocess.run(argv, check=True, capture_output=True, text=True, errors="replace").stdout
    raw.unlink()
    mount.rmdir()
    found: dict[str, str] = {}
    for line in said.splitlines():
        name, _, what = line.partition("\t")
        found[name] = f"{found.get(name, '')} {what}".strip()
    return found
