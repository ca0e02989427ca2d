"""Random numbers kept over a restart."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="random-seed",
    summary="seeds of random numbers",
    reason="Two children that start from one seed make keys that are easier to guess.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/var/lib/systemd/random-seed",
            "/var/lib/{random-seed,urandom/random-seed}",
            "/var/lib/misc/random-seed",
            "/boot/{efi/,efi/EFI/,}loader/random-seed",
            "/var/lib/systemd/credential.secret",
        ),
    ),
)
