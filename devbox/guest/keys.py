"""Ed25519 key pairs: the user's one key and the host keys that machines are given."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.errors import DevboxError
from devbox.paths import private_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class KeyPair:
    """``private`` is OpenSSH's own format, ``public`` one line as in authorized_keys."""

    private: bytes
    public: str

    def __repr__(self) -> str:  # a private key must not end up in a log or a traceback
        return f"KeyPair({fingerprint(self.public)})"


def generate(comment: str) -> KeyPair:
    """A new key pair without a passphrase; nothing is written."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return KeyPair(private, f"{_public_line(key.public_key())} {comment}")


def ensure(path: Path, comment: str) -> KeyPair:
    """The key pair kept at ``path``, made at the first call; two callers at once get the same one."""
    from filelock import FileLock

    private_folder(path.parent)
    with FileLock(path.with_name(f".{path.name}.lock"), mode=0o600):
        if not path.exists():
            pair = generate(comment)
            _write(path.with_name(f"{path.name}.pub"), f"{pair.public}\n".encode())
            _write(path, pair.private)
        # Read at the first call too, where it has the comment: digests are made of what is returned.
        return read(path)


def read(path: Path) -> KeyPair:
    """The key pair at ``path``; the public half is computed, so a lost ``.pub`` file does no harm."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        private = path.read_bytes()
        key = load_ssh_private_key(private, password=None)
    except OSError as error:
        raise DevboxError(f"The SSH key '{path}' can't be read.", details=str(error)) from error
    except Exception as error:  # cryptography has no common ancestor for its many complaints
        raise _damaged(path, str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _damaged(path, "It is not an ed25519 key.")
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)  # OpenSSH refuses a key that others can read
    return KeyPair(private, _public_line(key.public_key()))


def fingerprint(public: str) -> str:
    """The ``SHA256:…`` that OpenSSH shows for a public key's line."""
    blob = base64.b64decode(public.split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _public_line(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def _damaged(path: Path, why: str) -> DevboxError:
    return DevboxError(
        f"The SSH key '{path}' is damaged.",
        details=why,
        advice="Move it away and run 'devbox up'; machines that know only this key must be made anew.",
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for the owner alone (mkstemp's files are 0600)."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
