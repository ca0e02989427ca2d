"""Recovery files of the dcm-agent scrubber (2015): AES-256-CBC in a tar.gz, as old OpenSSL made it."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

from devbox.errors import DevboxError, Refused
from devbox.scrub.members import path_of
from devbox.scrub.restoring import put_plain
from devbox.scrub.rooted import Root

# Members of the outer archive: `key` is the passphrase under the owner's RSA key (PKCS #1 v1.5), `data.enc`
# the inner tar.gz. Without a key in it data.enc is the plain tar.gz.
_PARTS = frozenset({"data.enc", "recovery.sh"})
_SALTED = b"Salted__"  # of OpenSSL's enc
_LARGEST = 1 << 31


def is_legacy(file: Path) -> bool:
    """Whether the file has that form."""
    try:
        with tarfile.open(file, "r:gz") as outer:
            return set(outer.getnames()) >= _PARTS
    except (tarfile.TarError, OSError, EOFError):
        return False


def listed(file: Path, identity: Path) -> list[bytes]:
    with _opened(file, identity) as inner:
        return [path_of(info.name) for info in inner if not info.isdir()]


def restore(file: Path, identity: Path, root: Root) -> list[bytes]:
    """Put everything back and return the paths.

    The old format has no checksum at all: what gzip and tar accept is what there is.
    """
    with _opened(file, identity) as inner:
        members = [(info, _contents(inner, info)) for info in inner]
    return [put_plain(root, info, contents) for info, contents in members]


def _contents(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    reading = archive.extractfile(info) if info.isreg() else None
    return reading.read() if reading else b""


def _opened(file: Path, identity: Path) -> tarfile.TarFile:
    with tarfile.open(file, "r:gz") as outer:
        parts = {info.name: _contents(outer, info) for info in outer if info.size < _LARGEST}
    data = parts["data.enc"]
    try:
        if "key" in parts:
            data = _decrypted(data, _passphrase(parts["key"], identity))
        return tarfile.open(fileobj=io.BytesIO(data), mode="r:gz")
    except (ValueError, tarfile.TarError, OSError, EOFError) as error:
        raise DevboxError(
            f"The recovery file '{file}' can't be opened with '{identity}', or it is damaged.",
            details=str(error),
            advice="Its own recovery.sh fails since OpenSSL 1.1; '-md md5' is missing there.",
        ) from error


def _passphrase(sealed: bytes, identity: Path) -> bytes:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        data = identity.expanduser().read_bytes()
        if b"OPENSSH" in data:
            key: Any = serialization.load_ssh_private_key(data, None)
        else:
            key = serialization.load_pem_private_key(data, None)
    except (OSError, ValueError, TypeError) as error:
        raise Refused(f"The identity '{identity}' is no readable private key.", details=str(error)) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Refused(f"The identity '{identity}' is no RSA key, which these files need.")
    return key.decrypt(sealed, padding.PKCS1v15())


def _decrypted(data: bytes, passphrase: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    if data[:8] != _SALTED:
        raise ValueError("it does not begin as files of OpenSSL do")
    key, vector = key_and_vector(passphrase.strip(b"\n"), data[8:16])
    reading = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    padded = reading.update(data[16:]) + reading.finalize()
    unpadding = PKCS7(128).unpadder()
    return unpadding.update(padded) + unpadding.finalize()


def key_and_vector(passphrase: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """32 and 16 bytes: EVP_BytesToKey of OpenSSL with MD5 and one round."""
    made, last = b"", b""
    while len(made) < 48:
        last = hashlib.md5(last + passphrase + salt, usedforsecurity=False).digest()
        made += last
    return made[:32], made[32:48]
