"""Signatures of checksum files: by keys whose fingerprints are pinned, with gpgv and nobody's keyring."""

from __future__ import annotations

import base64
import contextlib
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from devbox import process
from devbox.fetch.transfer import FetchFailed

CLEARSIGNED = b"-----BEGIN PGP SIGNED MESSAGE-----"
_ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(?P<body>.+?)"
    rb"(?:\r?\n=[A-Za-z0-9+/]{4})?\r?\n-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)
_REASONS = {
    "EXPKEYSIG": "the key that signed it has expired",
    "KEYEXPIRED": "the key that signed it has expired",
    "EXPSIG": "the signature has expired",
    "REVKEYSIG": "the key that signed it was revoked",
    "BADSIG": "the signature is bad: the file is not what was signed",
    "NO_PUBKEY": "it is signed by another key than those of the box",
    "ERRSIG": "the signature can't be checked",
    "NODATA": "there is no signature",
}


@dataclass(frozen=True)
class Verdict:
    """What gpgv found; ``fingerprint`` is that of the primary key, empty where nothing is proven."""

    fingerprint: str
    problem: str = ""


def verify(
    name: str, signed: bytes, signature: bytes, keys: bytes, pinned: tuple[str, ...]
) -> tuple[bytes, str]:
    """The text that was really signed, and the fingerprint of the primary key that did.

    An empty ``signature`` means that it is in the file itself. Raises FetchFailed with the reason.
    """
    if not signature and CLEARSIGNED not in signed:
        raise FetchFailed(f"'{name}' should be signed in itself, and is not.")
    with tempfile.TemporaryDirectory(prefix="devbox-gpgv.") as folder:
        work = Path(folder)
        (work / "keys.gpg").write_bytes(dearmored(keys))
        (work / "signed").write_bytes(signed)
        (work / "signature").write_bytes(signature)
        command = ["gpgv", "--homedir", folder, "--keyring", str(work / "keys.gpg"), "--status-fd", "1"]
        if signature:
            command += [str(work / "signature"), str(work / "signed")]
        else:
            command += ["--output", str(work / "text"), str(work / "signed")]
        said: list[str] = []
        with contextlib.suppress(process.CommandFailed):  # the lines say why
            process.stream(command, said.append)
        found = verdict(said, pinned)
        if found.problem:
            raise FetchFailed(
                f"'{name}' is not trusted: {found.problem}.", details=f"The box pins {', '.join(pinned)}."
            )
        return signed if signature else (work / "text").read_bytes(), found.fingerprint


def verdict(said: Iterable[str], pinned: tuple[str, ...]) -> Verdict:
    """What gpgv's status lines mean (doc/DETAILS of GnuPG); every signature but one good one is a problem."""
    lines = [line.split() for line in said if line.startswith("[GNUPG:] ")]
    words = {line[1]: line for line in lines if len(line) > 1}
    for keyword, reason in _REASONS.items():
        if keyword in words:
            who = f" ({words[keyword][2]})" if keyword == "NO_PUBKEY" and len(words[keyword]) > 2 else ""
            return Verdict("", f"{reason}{who}")
    if "VALIDSIG" not in words or "GOODSIG" not in words:
        return Verdict("", "there is no signature that can be checked")
    valid = words["VALIDSIG"]
    primary = valid[-1] if len(valid) >= 12 else valid[2]
    if primary.upper() not in {fingerprint.upper() for fingerprint in pinned}:
        return Verdict("", f"it is signed by {primary}, which the box does not pin")
    return Verdict(primary)


def dearmored(keys: bytes) -> bytes:
    """Keys as gpgv wants them: binary (RFC 9580, section 6.2). Raises FetchFailed where there are none."""
    blocks = [base64.b64decode(match["body"]) for match in _ARMOR.finditer(keys)]
    if blocks:
        return b"".join(blocks)
    if not keys or not keys[0] & 0x80:
        raise FetchFailed("What should be the signer's public keys is none.")
    return keys
