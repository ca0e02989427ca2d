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


@dataclass(frozen=True)
class Explained:
    """An entry, the symptom of it that was met, and how many characters agree."""

    entry: Entry
    symptom: str
    agreeing: int


def explain(text: str, entries: Iterable[Entry]) -> list[Explained]:
    """The entries whose symptoms are in the text, or of whose symptoms the text is a part; the best first.

    Case, kinds of quotes, spacing, colours, and what stands before and after on a line make no difference.
    """
    pasted = _plain(text[-_LONGEST:])
    lines = [line for line in (line.strip(" >|#") for line in pasted.split("\n")) if len(line) <= _MOST]
    found = []
    for entry in entries:
        best = max((_agreeing(symptom, pasted, lines), symptom) for symptom in entry.symptoms)
        if best[0]:
            found.append(Explained(entry, best[1], best[0]))
    return sorted(found, key=lambda one: (-one.agreeing, one.entry.name))


def _plain(text: str) -> str:
    clean = _CONTROL.sub("", text.replace("\r\n", "\n")).translate(_QUOTES).lower()
    return re.sub(r"[^\S\n]+", " ", clean)


def _agreeing(symptom: str, pasted: str, lines: list[str]) -> int:
    """How many characters of the symptom are in the text, or of a line of the text in the symptom."""
    plain = _plain(symptom).strip()
    pieces = plain.split("*")
    if _pattern(pieces).search(pasted):
        return sum(map(len, pieces))
    return max(
        (_literal(line) for line in lines if _literal(line) >= _LEAST and _part(line, plain)), default=0
    )


def _pattern(pieces: Iterable[str]) -> re.Pattern[str]:
    """``*`` stands for anything within a line."""
    return re.compile(r"[^\n]*?".join(_SPACE.join(map(re.escape, piece.split(" "))) for piece in pieces))


def _literal(line: str) -> int:
    return len(re.sub(r"[^a-z0-9]", "", line))


def _part(line: str, symptom: str) -> bool:
    """Whether the line can be a part of what the symptom stands for, begun and ended anywhere.

    An automaton: ``at`` are the places in the symptom up to which the line may have come. A part must
    agree with the symptom's own characters in at least its half, not only with its stars.
    """
    at = dict.fromkeys(range(len(symptom)), 0)
    for character in line:
        following: dict[int, int] = {}
        for place, agreed in at.items():
            _advance(symptom, place, character, agreed, following)
        at = following
        if not at:
            return False
    return max(at.values()) * 2 >= len(line)


def _advance(symptom: str, place: int, character: str, agreed: int, following: dict[int, int]) -> None:
    """Where the next character leads from a place; a star may also stand for nothing."""
    while place < len(symptom) and symptom[place] == "*":
        following[place] = max(following.get(place, 0), agreed)
        place += 1
    if place < len(symptom) and symptom[place] == character:
        following[place + 1] = max(following.get(place + 1, 0), agreed + 1)
