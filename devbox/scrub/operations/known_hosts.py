"""Which machines were visited."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="known-hosts",
    summary="SSH client settings: known hosts, connections, configuration",
    reason="They tell where their owner has other machines, and under which names.",
    set=Set.TRACES,
    rules=(remove("~/.ssh/{known_hosts,known_hosts.*,config,config.d,cm-*,control-*,sockets}"),),
)
