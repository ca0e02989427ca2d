"""Jobs of printers."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="printing-and-scanning",
    summary="print jobs and their documents",
    reason="The spool holds what was printed.",
    set=Set.TRACES,
    rules=(remove("/var/spool/cups/*", "/var/spool/lpd/*", "/var/cache/cups/*.cache", "/var/spool/samba/*"),),
)
