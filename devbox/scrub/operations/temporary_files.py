"""What was put aside for a moment."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="temporary-files",
    summary="all that lies in /tmp, /var/tmp and the lost+found folders",
    reason="Nobody knows what it is, and no program may rely on it.",
    set=Set.TRACES,
    rules=(
        remove("/tmp/*", "/var/tmp/*", "/lost+found/*", "/home/lost+found/*", "/var/lib/systemd/ephemeral*"),
    ),
)
