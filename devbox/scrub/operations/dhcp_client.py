"""Addresses that the parent was given."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="dhcp-client",
    summary="leases and identifiers of DHCP clients",
    reason="A child would ask for its parent's address.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/var/lib/{dhcp,dhcp3,dhclient,dhcpcd,dhcpcd5}/*",
            "/var/lib/systemd/network/**",
            "/var/lib/NetworkManager/*.lease",
            "/var/lib/wicked/*",
            "/etc/dhcpcd.duid",
            "/etc/dhcpcd.secret",
        ),
    ),
)
