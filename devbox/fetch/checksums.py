"""Digests as distributions publish them, in three grammars, and the comparison with what came."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from devbox.fetch.transfer import FetchFailed

LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}  # in hexadecimal digits
_BY_LENGTH = {length: algorithm for algorithm, length in LENGTHS.items()}
_ORDER = tuple(LENGTHS)  # the weakest first
# "DIGEST  NAME", "DIGEST *NAME" of coreutils, and a digest alone
_PLAIN = re.compile(r"(?P<digest>[0-9A-Fa-f]{32,128})(?:[ \t]+\*?(?P<name>\S.*?))?\s*")
# "SHA256 (NAME) = DIGEST" of BSD, which Fedora's CHECKSUM files use as well
_BSD = re.compile(r"(?P<algorithm>[A-Z0-9-]+) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9A-Fa-f]+)\s*")


@dataclass(frozen=True, order=True)
class Digest:
    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> Digest:
        """``sha256:…``; ValueError for anything else."""
        algorithm, _, value = text.strip().lower().partition(":")
        if LENGTHS.get(algorithm) != len(value) or not re.fullmatch(r"[0-9a-f]+", value):
            raise ValueError(f"'{text}' is no digest such as sha256:… with its {LENGTHS['sha256']} digits")
        return cls(algorithm, value)


def entries(text: str) -> Iterator[tuple[str, Digest]]:
    """The names and digests of a checksum file; what is neither, such as a comment, is passed over."""
    for line in text.splitlines():
        if match := _BSD.fullmatch(line):
            algorithm = match["algorithm"].replace("-", "").lower()
            if LENGTHS.get(algorithm) == len(match["digest"]):
                yield match["name"], Digest(algorithm, match["digest"].lower())
        elif (match := _PLAIN.fullmatch(line)) and len(match["digest"]) in _BY_LENGTH:
            yield match["name"] or "", Digest(_BY_LENGTH[len(match["digest"])], match["digest"].lower())


def find(text: str, name: str, where: str) -> Digest:
    """The strongest digest for the file of this name.

    A single digest without a name is taken for it, and so is the single one of a checksum file
    that is called after it, since those of a 'latest' image name the dated one.

    Raises FetchFailed when there is none, or when there are two that differ.
    """
    listed = list(entries(text))
    found = {digest for there, digest in listed if there.rpartition("/")[2].removeprefix("./") == name}
    own = where.rpartition("/")[2].startswith(f"{name}.")
    if not found and len(set(listed)) == 1 and (own or not listed[0][0]):
        found = {listed[0][1]}
    if not found:
        names = ", ".join(sorted({there for there, _ in listed if there})[:5])
        raise FetchFailed(
            f"The checksum file '{where}' says nothing about '{name}'.",
            details=f"It lists {names}." if names else "It lists no digest at all.",
        )
    best = max(found, key=lambda digest: _ORDER.index(digest.algorithm))
    rivals = {digest for digest in found if digest.algorithm == best.algorithm}
    if len(rivals) > 1:
        raise FetchFailed(f"The checksum file '{where}' has different digests for '{name}'.")
    return best


def of_file(file: Path, algorithm: str) -> Digest:
    with file.open("rb") as opened:
        return Digest(algorithm, hashlib.file_digest(opened, algorithm).hexdigest())


def compare(file: Path, wanted: Digest, what: str, said_by: str) -> None:
    """Raises FetchFailed unless the file has the digest."""
    found = of_file(file, wanted.algorithm)
    if found != wanted:
        raise FetchFailed(
            f"What '{what}' gave is not what {said_by} names; it was thrown away.",
            details=f"expected {wanted}\nfound    {found}, in {file.stat().st_size} bytes",
        )
