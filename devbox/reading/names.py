"""Names that may become host names, file names and variables, checked at the door."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

from devbox.reading.documents import quoted

LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1123, section 2.1
DIGEST = re.compile(r"(md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")
BOX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
PLAYBOOK = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}"
WORKAROUND = r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,99}"

# names that the guest's own hosts file and Ansible's inventory use for other things
_TAKEN = {"localhost", "all", "ungrouped", "devbox"}
_SHOWN = 12


def label(name: str) -> str:
    """A machine's or environment's name; ValueError with a sentence where it is no host name."""
    if not re.fullmatch(LABEL, name):
        proposal = as_label(name)
        instead = f"; write '{proposal}'" if proposal else ""
        rule = "use at most 63 lower-case letters, digits and '-', not at either end"
        raise ValueError(f"{quoted(name)} is no host name: {rule}{instead}")
    if name.isdigit():
        raise ValueError(f"{quoted(name)} would be taken for an address; put a letter into the name")
    if name in _TAKEN:
        raise ValueError(f"{quoted(name)} has a meaning of its own; choose another name")
    return name


def as_label(text: str) -> str:
    """The nearest host name to any text, such as a folder's name; empty where nothing is left."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:63].rstrip("-")


def playbook(name: str) -> str:
    """A playbook's name; ValueError where it is more than a plain file name without its ending."""
    if re.fullmatch(PLAYBOOK, name):
        return name
    stem, dot, ending = name.rpartition(".")
    if dot and ending in ("yml", "yaml") and re.fullmatch(PLAYBOOK, stem):
        raise ValueError(f"{quoted(name)} is a file; write the playbook's name alone: '{stem}'")
    raise ValueError(f"{quoted(name)} is no name: use letters, digits, '-' and '_'")


def variable(name: str) -> str:
    """A variable's name; ValueError where Ansible would refuse it."""
    if not re.fullmatch(VARIABLE, name):
        raise ValueError(f"{quoted(name)} is no variable name: use letters, digits and '_', a letter first")
    if keyword.iskeyword(name):
        raise ValueError(f"{quoted(name)} is a word of Python, which Ansible refuses as a variable name")
    return name


def near(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` or, where nothing is near, what there is; for the end of a sentence."""
    names = sorted(known)
    import difflib  # late: only mistakes need it

    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    if not names:
        return "; there is none yet"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"; there {'are' if len(names) > 1 else 'is'} {', '.join(names[:_SHOWN])}{more}"
