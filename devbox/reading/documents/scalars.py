"""What a scalar without quotes means: YAML 1.2's core schema, minus what YAML 1.1 reads differently."""

from __future__ import annotations

import math
import re

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")
_GROUPED = re.compile(r"[-+]?[1-9][0-9]*_[0-9_]*")
_LONGEST = 40


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar; ValueError with a sentence where two readers would disagree.

    ``22:22`` and ``2024-01-01`` stay texts: nobody who writes them means 1342 or a date object.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
        meant = _WORDS[text.lower()]
        raise ValueError(
            f"'{text}' is {meant} to some programs and a text to others; write {meant} or \"{text}\""
        )
    if _OCTAL.fullmatch(text) or _GROUPED.fullmatch(text):
        shown = text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
        raise ValueError(
            f"'{shown}' is one number to some programs and another, or a text, to others; "
            "write it without leading zeros and underscores, or in quotes"
        )
    return _number(text)


def _number(text: str) -> str | int | float:
    if _NO_NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is no number; put it in quotes if it is a text")
    whole, based = _INTEGER.fullmatch(text), _BASED.fullmatch(text)
    if (whole or based) and len(text) > _LONGEST:
        raise ValueError("this number is too long; put it in quotes if it is a text")
    if whole:
        return int(text)
    if based:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError("this number is too large; put it in quotes if it is a text")
        return number
    return text
