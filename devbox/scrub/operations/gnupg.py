"""People's GnuPG homes."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="gnupg",
    summary="GnuPG homes: private keys, trust, agents' sockets",
    reason="Private keys sign and decrypt in their owner's name.",
    set=Set.CREDENTIALS,
    rules=(remove("~/.gnupg", "~/.password-store", "/etc/pacman.d/gnupg/{private-keys-v1.d,secring.gpg}"),),
)
