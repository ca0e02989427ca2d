"""Who logged in when."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, empty, remove

OPERATION = Operation(
    name="login-records",
    summary="records of logins, process accounting, failed passwords",
    reason="They name users and the addresses that they came from.",
    set=Set.TRACES,
    rules=(
        empty("/run/utmp", "/var/run/utmp", "/var/account/pacct"),
        remove(
            "/var/account/pacct-*",
            "/var/lib/{lastlog,wtmpdb}/*",
            "/var/lib/sudo/{ts,lectured}/*",
            "/run/sudo/ts/*",
            "/var/{db,run}/faillock/*",
            "/run/faillock/*",
            "/var/lib/systemd/linger/*",
            "/var/run/console/*",
        ),
    ),
)
