"""What NetworkManager remembers."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="network-manager",
    summary="NetworkManager's secrets, connections and state; wireless passwords",
    reason="Stored connections hold passwords of networks, and bind to the parent's card.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/var/lib/NetworkManager/{secret_key,seen-bssids,timestamps,*.state,*.lease,internal-*}",
            "/etc/NetworkManager/system-connections/*",
            "/etc/wpa_supplicant/wpa_supplicant*.conf",
            "/var/lib/{iwd,connman,bluetooth}/*",
            "/etc/netplan/90-NM-*.yaml",
        ),
    ),
)
