"""Who may log in over SSH."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="authorized-keys",
    summary="authorized SSH keys of every user",
    reason="Whoever could enter the parent could enter every child.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.ssh/{authorized_keys,authorized_keys2,authorized_principals,environment,rc}",
            "/etc/ssh/authorized_keys/*",
            "/etc/ssh/authorized_keys.d/*",
        ),
    ),
)
