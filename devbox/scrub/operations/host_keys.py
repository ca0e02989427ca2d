"""The keys by which the machine proves who it is."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="host-keys",
    summary="SSH host keys",
    reason="Who has one child could pose as its parent and as every other child.",
    set=Set.IDENTITY,
    rules=(remove("/etc/ssh/*_host_*", "/etc/dropbear/*_host_key", "/etc/ssh/moduli.candidates"),),
)
