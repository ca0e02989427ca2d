"""Logs."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, empty, remove

_ROTATED = "/var/log/**{.gz,.xz,.bz2,.zst,.old,.[0-9],.[0-9][0-9],-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]}"

OPERATION = Operation(
    name="logs",
    summary="logs: rotated ones go, the others are emptied",
    reason="They name users, addresses and what happened; folders stay, since daemons expect them.",
    set=Set.TRACES,
    rules=(
        remove(
            _ROTATED,
            "/var/log/journal/*/*",
            "/var/log/{installer,anaconda,sa,sysstat,ConsoleKit,gdm,audit}/*",
            "/var/log/{wtmp,btmp,lastlog,faillog,tallylog}{.*,-*}",
        ),
        empty("/var/log/**"),
        remove("/var/lib/{logrotate,logrotate.d}/status*", "/var/lib/logrotate.status"),
        empty("/root/{install.log,install.log.syslog,anaconda-ks.cfg,initial-setup-ks.cfg}"),
        empty("/opt/*/log/**.log", "/opt/*/logs/**.log", "/srv/**/log/*.log"),
    ),
)
