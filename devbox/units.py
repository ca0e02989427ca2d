"""Sizes in bytes, written the way people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_UNITS |= {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_PATTERN = re.compile(r"(?P<number>[0-9]{1,15}(?:\.[0-9]{1,6})?) ?(?P<unit>[A-Za-z]{0,3})")


class Size(int):
    """A number of bytes that prints itself in the largest unit that divides it."""

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read ``2GiB``, ``1.5 GiB``, ``512M`` or ``4096`` (bytes); units are powers of 1024.

        Raises ValueError with a sentence that says what is wrong.
        """
        match = _PATTERN.fullmatch(text.strip())
        if match is None or match["unit"] not in _UNITS:
            raise ValueError(f"'{text}' is no size; write a number with a unit, such as 2GiB or 512MiB")
        scaled = float(match["number"]) * _UNITS[match["unit"]]
        if scaled != int(scaled):
            raise ValueError(f"'{text}' is not a whole number of bytes")
        return cls(int(scaled))

    def __str__(self) -> str:
        for unit in ("TiB", "GiB", "MiB", "KiB"):
            if self and self % _UNITS[unit] == 0:
                return f"{self // _UNITS[unit]}{unit}"
        return f"{int(self)}B"

    __repr__ = __str__

    @property
    def mib(self) -> int:
        """Whole mebibytes, rounded up."""
        return -(-self // 2**20)
