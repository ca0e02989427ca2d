"""The memory of programs that crashed."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="core-dumps",
    summary="core dumps and crash reports",
    reason="A program's memory holds all the secrets that it worked with.",
    set=Set.TRACES,
    rules=(
        remove(
            "/var/crash/*",
            "/var/lib/systemd/coredump/*",
            "/var/spool/abrt/*",
            "/var/lib/{apport/coredump,whoopsie}/*",
            "/core",
            "/core.[0-9]*",
            "~/core",
            "~/core.[0-9]*",
            "/var/lib/kdump/*",
        ),
    ),
)
