"""Copies of the account files from before the last change."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="account-backups",
    summary="backups of passwd, shadow, group and gshadow",
    reason="They hold password hashes and accounts that were deleted since.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/etc/{passwd,shadow,group,gshadow,subuid,subgid}-",
            "/etc/.pwd.lock",
            "/var/backups/{passwd,shadow,group,gshadow}.bak*",
        ),
    ),
)
