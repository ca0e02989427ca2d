"""Rules that somebody set."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="firewall-rules",
    summary="firewall rules that were set by hand",
    reason="They name the parent's neighbours; off by default since a child may be less safe without them.",
    set=Set.TRACES,
    rules=(
        remove(
            "/etc/sysconfig/{iptables,ip6tables}",
            "/etc/iptables/rules.v[46]",
            "/etc/firewalld/{services,zones}/*",
            "/etc/ufw/user{,6}.rules",
        ),
    ),
    default=False,
)
