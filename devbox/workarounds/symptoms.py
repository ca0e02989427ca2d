"""Which workaround a pasted text speaks of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from devbox.workarounds.entry import Entry

_LONGEST = 2**18  # characters of a pasted log that are looked at, its last ones
_LEAST = 12  # characters of a line that is taken for a part of a symptom
_MOST = 2000  # and of one that can be
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")
# Backtick, acute accent, and the typographic quotation marks; all count as an apostrophe.
_QUOTES = str.maketrans(dict.fromkeys('"`\u00b4\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb', "'"))
# Where a symptom has a space, a mail or a terminal may have begun a new line, and quoted it.
_SPACE = r"(?: |[ ]?\n[ >|#]*)"


@dataclass(frozen=True, order=True)
class Met:
    """How a symptom was met: as a ``whole`` or in part, and how many of its characters agree."""

    whole: bool
    agreeing: int
    symptom: str


@dataclass(frozen=True)
class Explained:
    entry: Entry
    met: Met


def explain(text: str, entries: Iterable[Entry]) -> list[Explained]:
    """The entries whose symptoms are in the text, or of whose symptoms the text is a part; the best first.

    Case, kinds of quotes, spacing, colours, and what stands before and after on a line make no difference.
    """
    pasted = _plain(text[-_LONGEST:])
    lines = {line.strip(" >|#") for line in pasted.split("\n")}
    parts = [line for line in lines if len(line) <= _MOST and sum(map(str.isalnum, line)) >= _LEAST]
    found = []
    for entry in entries:
        met = [one for symptom in entry.symptoms if (one := _met(symptom, pasted, parts))]
        if met:
            found.append(Explained(entry, max(met)))
    return sorted(found, key=lambda one: (not one.met.whole, -one.met.agreeing, one.entry.name))


def _plain(text: str) -> str:
    clean = _CONTROL.sub("", text.replace("\r\n", "\n")).translate(_QUOTES).lower()
    return re.sub(r"[^\S\n]+", " ", clean)


def _met(symptom: str, pasted: str, lines: Iterable[str]) -> Met | None:
    plain = _plain(symptom).strip()
    pieces = plain.split("*")
    if _pattern(pieces).search(pasted):
        return Met(whole=True, agreeing=sum(map(len, pieces)), symptom=symptom)
    agreeing = max((_part(line, plain) for line in lines), default=0)
    return Met(whole=False, agreeing=agreeing, symptom=symptom) if agreeing else None


def _pattern(pieces: Iterable[str]) -> re.Pattern[str]:
    """``*`` stands for anything within a line."""
    return re.compile(r"[^\n]*?".join(_SPACE.join(map(re.escape, piece.split(" "))) for piece in pieces))


def _part(line: str, symptom: str) -> int:
    """How many characters agree, where the line is a part of what the symptom stands for; else 0.

    It may begin and end anywhere, but at least half of it must agree with the symptom's own characters,
    not with its stars. An automaton: ``at`` are the places in the symptom up to which the line may have
    come, each with the characters that agreed on the best way there.
    """
    at = dict.fromkeys(range(len(symptom)), 0)
    for character in line:
        following: dict[int, int] = {}
        for place, agreed in at.items():
            _advance(symptom, place, character, agreed, following)
        at = following
        if not at:
            return 0
    best = max(at.values())
    return best if best * 2 >= len(line) else 0


def _advance(symptom: str, place: int, character: str, agreed: int, following: dict[int, int]) -> None:
    """Where the next character leads from a place; a star may also stand for nothing."""
    while place < len(symptom) and symptom[place] == "*":
        following[place] = max(following.get(place, 0), agreed)
        place += 1
    if place < len(symptom) and symptom[place] == character:
        following[place + 1] = max(following.get(place + 1, 0), agreed + 1)
