"""Addresses that the parent gave out."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, empty, remove

OPERATION = Operation(
    name="dhcp-server",
    summary="leases of DHCP servers",
    reason="A child would believe that its parent's clients are its own.",
    set=Set.TRACES,
    rules=(
        empty("/var/lib/dhcpd/dhcpd*.leases", "/var/lib/misc/dnsmasq.leases", "/var/lib/dhcp/dhcpd*.leases"),
        remove("/var/lib/dhcpd/*~", "/var/lib/kea/*.csv*"),
    ),
)
