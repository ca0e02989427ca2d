"""The machine's name."""

from __future__ import annotations

import re

from devbox.scrub.operation import Operation, Set, remove, rewrite

_OWN_LINE = re.compile(rb"^127\.0\.1\.1[ \t].*(?:\n|\Z)", re.MULTILINE)


def _without_own_name(hosts: bytes) -> bytes:
    """Debian's line with the name of the machine itself."""
    return _OWN_LINE.sub(b"", hosts)


OPERATION = Operation(
    name="hostname",
    summary="the machine's name",
    reason="Every child would call itself by its parent's name; without one it takes what it is given.",
    set=Set.IDENTITY,
    rules=(
        remove("/etc/hostname", "/etc/machine-info", "/etc/mailname"),
        rewrite(_without_own_name, "/etc/hosts"),
    ),
)
