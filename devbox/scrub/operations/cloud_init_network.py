"""Networks that cloud-init set up."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="cloud-init-network",
    summary="network settings that cloud-init generated",
    reason="A child would look for its parent's network card, or take its address.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/etc/netplan/50-cloud-init.yaml",
            "/etc/netplan/00-installer-config*.yaml",
            "/etc/network/interfaces.d/50-cloud-init*",
            "/etc/NetworkManager/conf.d/{99-cloud-init,30-cloud-init-ip6-addr-gen-mode}.conf",
            "/etc/NetworkManager/system-connections/cloud-init-*.nmconnection",
            "/etc/systemd/network/10-cloud-init-*",
            "/etc/udev/rules.d/*-cloud-ifupdown.rules",
        ),
    ),
)
