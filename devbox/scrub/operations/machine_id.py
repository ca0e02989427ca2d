"""What systemd and D-Bus know the machine by."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, empty, remove

OPERATION = Operation(
    name="machine-id",
    summary="machine-id",
    reason="Two machines of one id get the same address and mix their journals; empty, it is made at boot.",
    set=Set.IDENTITY,
    # The file has to stay, else a read-only root could not get one, and first-boot units would start.
    rules=(empty("/etc/machine-id", "/var/lib/dbus/machine-id"), remove("/etc/hostid")),
)
