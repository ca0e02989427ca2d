"""Looking for what was removed byte by byte, where no file system has a say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devbox.process import CommandFailed, run
from devbox.scrub.decide import Change
from devbox.scrub.inventory import Kind
from devbox.scrub.known_secrets import found_in
from devbox.scrub.operation import Action, Set
from devbox.scrub.packaged import Packaged
from devbox.scrub.report import shown
from devbox.scrub.rooted import Root

_STEP = 1 << 10  # the smallest block that files begin on
_PIECE = 64
_PIECES = 256  # of one file
_CHUNK = 1 << 22
_OVERLAP = 1 << 13
_TOKENS = 64  # of one file
_TOKEN = re.compile(rb"[A-Za-z0-9+/=_.~-]{20,400}")


@dataclass
class Probes:
    """What to look for: beginnings of blocks of removed files, and words that only a secret has.

    They are held in memory only. Values are the path that they came from.
    """

    pieces: dict[bytes, bytes] = field(default_factory=dict)
    tokens: dict[bytes, bytes] = field(default_factory=dict)
    strict: set[bytes] = field(default_factory=set)  # paths whose contents may not be anywhere else

    def gather(self, root: Root, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.entry.kind is not Kind.FILE or change.entry.size == 0:
                continue
            try:
                contents = root.read(change.path)
            except OSError:
                continue  # the change itself will say why
            secret = change.operation.set is Set.CREDENTIALS
            if secret:
                self.strict.add(change.path)
            if secret or change.action is Action.REWRITE:
                stays = set(_TOKEN.findall(change.contents))
                for token in _telling(contents):
                    if token not in stays:
                        self.tokens.setdefault(token, change.path)
            if change.action is not Action.REWRITE:
                for piece in pieces_of(contents):
                    self.pieces.setdefault(piece, change.path)


def pieces_of(contents: bytes) -> list[bytes]:
    """How the file's blocks begin, spread over it; after a short one come zeros."""
    steps = range(0, len(contents), _STEP * max(1, len(contents) // (_STEP * _PIECES)))
    found = [contents[at : at + _PIECE].ljust(_PIECE, b"\0") for at in steps]
    return [piece for piece in found if len(set(piece)) >= 8]


def _telling(contents: bytes) -> list[bytes]:
    """Words with letters and digits that are too mixed to be prose."""
    words = [word for word in _TOKEN.findall(contents) if len(set(word)) >= 10]
    return [word for word in words if re.search(rb"[0-9]", word) and re.search(rb"[A-Za-z]", word)][:_TOKENS]


@dataclass(frozen=True)
class Found:
    offset: int
    needle: bytes
    what: str
    path: bytes = b""  # of the removed file that it came from


def search(disk: Path, raw: Path, probes: Probes) -> tuple[list[Found], int]:
    """All findings in the disk, and how many bytes were looked at; ``raw`` is its contents."""
    found: list[Found] = []
    looked = 0
    with raw.open("rb", buffering=0) as reading:
        for start, length in _extents(disk):
            looked += length
            for at, data in _chunks(reading.fileno(), start, length):
                for offset in range(-at % _STEP, len(data), _STEP):
                    piece = data[offset : offset + _PIECE]
                    if piece in probes.pieces:
                        source = probes.pieces[piece]
                        found.append(Found(at + offset, piece, f"contents of {shown(source)}", source))
                for kind, offset, secret in found_in(data):
                    found.append(Found(at + offset, secret[:200], kind))
    found += _tokens(raw, probes)
    return found, looked


def _extents(disk: Path) -> Iterator[tuple[int, int]]:
    for extent in json.loads(run(["qemu-img", "map", "--output=json", disk])):
        if extent["data"] and not extent["zero"]:
            yield extent["start"], extent["length"]


def _chunks(file: int, start: int, length: int) -> Iterator[tuple[int, bytes]]:
    at = start
    while at < start + length:
        wanted = min(_CHUNK + _OVERLAP, start + length - at)
        data = os.pread(file, wanted, at)
        if data.count(0) != len(data):
            yield at, data
        at += _CHUNK


def _tokens(raw: Path, probes: Probes) -> list[Found]:
    """By grep, which looks for thousands of words at once; it gets them through a pipe."""
    if not probes.tokens:
        return []
    argv = ["grep", "--text", "--null-data", "--only-matching", "--byte-offset", "--fixed-strings"]
    try:
        said = run(
            [*argv, "--file", "-", str(raw)], stdin=b"\n".join(probes.tokens) + b"\n", env={"LC_ALL": "C"}
        )
    except CommandFailed as error:
        if error.status != 1:  # nothing found
            raise
        return []
    found = []
    for line in said.split("\0"):
        offset, _, text = line.partition(":")
        if text:
            token = text.encode()
            source = probes.tokens.get(token, b"")
            found.append(Found(int(offset), token, f"a word of {shown(source)}", source))
    return found


def judged(
    found: Sequence[Found], root: Root, probes: Probes, keep: Sequence[bytes]
) -> tuple[list[str], list[str]]:
    """What is left, and what only has to be known: packages' own examples, and what was to be kept."""
    if not found:
        return [], []
    packaged = Packaged(root.read)
    holders = _holders(root, {one.needle for one in found})
    kept = tuple(b"/" + path.strip(b"/") for path in keep)
    left: dict[str, None] = {}
    notes: dict[str, None] = {}
    for one in found:
        there = holders.get(one.needle, [])
        if not there:
            left[f"{one.what} at byte {one.offset} of the disk, in no file"] = None
            continue
        for path in there:
            says = f"{one.what} in {shown(path)}"
            if one.path and one.path not in probes.strict:
                continue  # two files of one text, such as a log's and a manual's: no secret
            if packaged.brought(path) or (path in kept or path.startswith(tuple(k + b"/" for k in kept))):
                notes[says] = None
            else:
                left[says] = None
    return list(left), list(notes)


def _holders(root: Root, needles: set[bytes]) -> dict[bytes, list[bytes]]:
    """Which files have these bytes."""
    holders: dict[bytes, list[bytes]] = {}
    for entry in root.inventory().entries.values():
        if entry.kind is not Kind.FILE or not entry.size:
            continue
        with root.opened(entry.path) as file:
            for _, data in _chunks(file, 0, entry.size):
                for needle in needles:
                    # The kernel fills a file's last block with zeros that are no part of the file.
                    bare = needle.rstrip(b"\0")
                    if bare in data and entry.path not in holders.get(needle, ()):
                        holders.setdefault(needle, []).append(entry.path)
    return holders
