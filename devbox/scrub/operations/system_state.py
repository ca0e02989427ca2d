"""Small things that daemons remember."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="system-state",
    summary="clock, timers, backlights and hardware as the parent had them",
    reason="Timers would fire as if the child had been off for as long as the image is old.",
    set=Set.TRACES,
    rules=(
        remove(
            "/var/lib/systemd/{timers,rfkill,backlight,catalog,timesync}/*",
            "/var/lib/{ntp,chrony}/*drift*",
            "/etc/lvm/{archive,backup,cache}/*",
            "/etc/lvm/devices/system.devices",
            "/var/lib/{AccountsService/users,colord,upower,hp}/*",
            "/var/lib/update-notifier/*",
            "/var/lib/apt/{periodic,daily_lock,mirrors}/*",
        ),
    ),
)
