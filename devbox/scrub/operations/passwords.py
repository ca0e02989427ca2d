"""Password hashes."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, rewrite


def _locked(shadow: bytes) -> bytes:
    """The same accounts; who had a password can't log in with it any more."""
    return b"".join(_one(line) for line in shadow.splitlines(keepends=True))


def _one(line: bytes) -> bytes:
    fields = line.split(b":")
    if len(fields) > 2 and fields[1].startswith((b"$", b"!$")):
        fields[1] = b"!"
    return b":".join(fields)


OPERATION = Operation(
    name="passwords",
    summary="password hashes of all users; their accounts are locked",
    reason="Hashes can be guessed from; off by default since nobody can log in at a console without them.",
    set=Set.CREDENTIALS,
    rules=(rewrite(_locked, "/etc/shadow", "/etc/gshadow"),),
    default=False,
)
