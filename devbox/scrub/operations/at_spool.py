"""Jobs that wait for their time."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="at-spool",
    summary="jobs that wait in at's spool",
    reason="They would run in every child, with the environment of who queued them.",
    set=Set.TRACES,
    rules=(
        remove(
            "/var/spool/cron/atjobs/*",
            "/var/spool/cron/atspool/*",
            "/var/spool/at/*",
            but=("/var/spool/cron/atjobs/.SEQ", "/var/spool/at/{.SEQ,spool}"),
        ),
    ),
)
