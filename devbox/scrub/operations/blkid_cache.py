"""What blkid remembers of the host's disks."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="blkid-cache",
    summary="blkid's cache of disks",
    reason="It names disks that a child does not have.",
    set=Set.CACHES,
    rules=(remove("/etc/blkid{,.tab,.tab.old}", "/etc/blkid/blkid.tab*", "/run/blkid/*"),),
)
