"""Users' own crontabs."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="cron-spool",
    summary="crontabs of users and state of anacron",
    reason="Every child would do the parent's jobs as well.",
    set=Set.TRACES,
    rules=(
        remove(
            "/var/spool/cron/crontabs/*",
            "/var/spool/cron/tabs/*",
            "/var/spool/cron/lastrun/*",
            "/var/spool/cron/*",
            "/var/spool/anacron/*",
            but=("/var/spool/cron/{crontabs,atjobs,atspool,tabs,lastrun}", "/var/spool/cron/at*/**"),
        ),
    ),
)
