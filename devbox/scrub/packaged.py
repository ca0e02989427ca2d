"""Which files came out of a package unchanged: whatever they hold is public."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import cached_property

# What Python compiles after the installation says what its source does.
_SOURCE = re.compile(rb"^(/usr/(?:.*/)?)__pycache__/([^/]+?)\.[a-z]+-[0-9]+(?:\.opt-[12])?\.pyc$", re.DOTALL)
_FOLDERS = (b"/usr/", b"/lib/", b"/bin/", b"/sbin/", b"/opt/")


class Packaged:
    """dpkg's own digests, read when first asked for; where there is no dpkg, all of /usr but /usr/local."""

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read

    def brought(self, path: bytes) -> bool:
        if not path.startswith(_FOLDERS) or path.startswith(b"/usr/local/"):
            return False
        if not self._digests:
            return path.startswith(b"/usr/")
        path = _SOURCE.sub(rb"\1\2.py", path)
        known = self._digests.get(path)
        return known is not None and hashlib.md5(self._read(path), usedforsecurity=False).digest() == known

    @cached_property
    def _digests(self) -> dict[bytes, bytes]:
        """MD5, as ``/var/lib/dpkg/info/*.md5sums`` have them (deb-md5sums(5))."""
        digests: dict[bytes, bytes] = {}
        for package in self._packages():
            for ending in (b"", b":amd64", b":arm64", b":i386", b":riscv64"):
                try:
                    text = self._read(b"/var/lib/dpkg/info/" + package + ending + b".md5sums")
                except OSError:
                    continue
                for line in text.splitlines():
                    digest, _, name = line.partition(b"  ")
                    digests[b"/" + name] = bytes.fromhex(digest.decode())
        return digests

    def _packages(self) -> list[bytes]:
        try:
            status = self._read(b"/var/lib/dpkg/status")
        except OSError:
            return []
        return [line[9:].strip() for line in status.splitlines() if line.startswith(b"Package: ")]
