"""Names that belong to the parent's cards."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="network-hardware",
    summary="udev's names for network cards and drives",
    reason="A child's first card would become its second one.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/etc/udev/rules.d/{70,75}-persistent-{net,cd}.rules",
            "/etc/udev/rules.d/z25_persistent-{net,cd}.rules",
            "/dev/.udev/rules.d/*-persistent-net.rules",
        ),
    ),
)
