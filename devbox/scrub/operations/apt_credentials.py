"""Passwords of package repositories."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="apt-credentials",
    summary="passwords and client keys of package repositories",
    reason="They open private repositories.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/etc/apt/auth.conf",
            "/etc/apt/auth.conf.d/*",
            "/etc/yum/vars/{username,password}",
            "/etc/dnf/vars/{username,password}",
            "/etc/zypp/credentials.d/*",
        ),
    ),
)
