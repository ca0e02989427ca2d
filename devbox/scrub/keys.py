"""Who can open a recovery file: SSH public keys that people have already, and age keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from devbox.errors import Refused

# pyrage publishes no types: recipients and identities are opaque and only handed back to it.
Recipient = Any
Identity = Any
AskPassphrase = Callable[[Path], str]

_ADVICE = (
    "A recipient is an SSH public key (ed25519 or RSA), an age recipient (age1…), or a file with such lines."
)


def recipients(words: Sequence[str]) -> list[Recipient]:
    """From public keys, age recipients, or names of files with them; Refused with every bad one at once."""
    found: list[Recipient] = []
    bad: list[str] = []
    for word in words:
        for line, place in _lines(word, bad):
            try:
                found.append(_recipient(line))
            except ValueError as error:
                bad.append(f"{place}: {error}")
    if bad:
        raise Refused(
            "Not every recipient could be understood; nothing was touched.",
            details="\n".join(bad),
            advice=_ADVICE,
        )
    if not found:
        raise Refused("No recipient was named, so nobody could open the recovery file.", advice=_ADVICE)
    return found


def _lines(word: str, bad: list[str]) -> list[tuple[str, str]]:
    if word.startswith(("ssh-", "age1", "ecdsa-", "sk-")):
        return [(word, word[:40])]
    try:
        text = Path(word).expanduser().read_text()
    except (OSError, UnicodeDecodeError) as error:
        bad.append(f"{word}: {error}")
        return []
    lines = [
        (line.strip(), f"{word}:{number}")
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.startswith("#")
    ]
    if not lines:
        bad.append(f"{word}: it is empty")
    if "PRIVATE KEY" in text or "AGE-SECRET-KEY" in text:
        bad.append(f"{word}: this is a private key; name its public one")
        return []
    return lines


def _recipient(line: str) -> Recipient:
    import pyrage

    try:
        if line.startswith("age1"):
            return pyrage.x25519.Recipient.from_str(line)
        return pyrage.ssh.Recipient.from_str(line)
    except pyrage.RecipientError as error:
        kind = line.split(maxsplit=1)[0][:40] if line.split() else "it"
        raise ValueError(f"'{kind}' is no kind of key that age can encrypt to ({error})") from error


def identities(file: Path, ask: AskPassphrase | None = None) -> list[Identity]:
    """The private keys in a file; ``ask`` is asked for the passphrase of a key that has one."""
    import pyrage

    try:
        data = file.expanduser().read_bytes()
    except OSError as error:
        raise Refused(f"The identity '{file}' can't be read: {error.strerror}.") from error
    lines = [line.strip() for line in data.decode(errors="replace").splitlines()]
    age = [line for line in lines if line.startswith("AGE-SECRET-KEY-1")]
    try:
        if age:
            return [pyrage.x25519.Identity.from_str(line) for line in age]
        return [pyrage.ssh.Identity.from_buffer(_unlocked(file, data, ask))]
    except (pyrage.IdentityError, ValueError) as error:
        raise Refused(
            f"The identity '{file}' is no private key that age can decrypt with.",
            details=str(error),
            advice="It must be an SSH private key (ed25519 or RSA) or a file with an AGE-SECRET-KEY-1… line.",
        ) from error


def _unlocked(file: Path, data: bytes, ask: AskPassphrase | None) -> bytes:
    """The key in OpenSSH's form and without a passphrase, in memory only."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form

    def load(passphrase: bytes | None) -> bytes:
        if b"OPENSSH PRIVATE KEY" in data:
            key: Any = form.load_ssh_private_key(data, passphrase)
        else:
            key = form.load_pem_private_key(data, passphrase)
        return bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()))

    try:
        return load(None)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    except (TypeError, ValueError) as error:
        if "assword" not in str(error) and "assphrase" not in str(error):
            raise
    if ask is None:
        raise Refused(
            f"The identity '{file}' is protected by a passphrase, and there is no terminal to ask for it.",
            advice="Run this in a terminal.",
        )
    try:
        return load(ask(file).encode())
    except (TypeError, ValueError) as error:
        raise Refused(f"The passphrase does not open the identity '{file}'.", details=str(error)) from error
