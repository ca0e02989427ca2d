"""Files of `key = value` lines: oslo.config's ini, packstack's answer files, qpidd.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


class Unusable(Exception):
    """What was asked for can't be written into this file; ``problems`` has every reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


@dataclass(frozen=True)
class Entry:
    """An assignment, from line ``start`` to before ``stop``; ``before`` and ``after`` are around its value.

    ``value`` is None where only a shell can say what it is, ``quote`` the one that it was written in, and
    ``opaque`` says that the line can't be rewritten without understanding all of the shell.
    """

    key: str
    value: str | None
    start: int
    stop: int
    before: str
    after: str = ""
    quote: str = ""
    opaque: bool = False


_HEADER = re.compile(r"\[([^\]]+)\]")


class Lines:
    """Assignments in lines, without sections: `key=value`, `#` begins a comment."""

    delimiters = "="
    assign = "="
    continues = False  # whether an indented line goes on with the value before it

    def same(self, key: str) -> str:
        """The key as the program compares it."""
        return key

    def blocks(self, lines: Sequence[str]) -> list[range]:
        """The ranges of lines that are looked at, without the sections' headers."""
        return [range(len(lines))]

    def prepared(self, lines: list[str]) -> list[str]:
        """The lines with room for an entry that they lack."""
        return lines

    def entries(self, lines: Sequence[str]) -> list[Entry]:
        marks = self.delimiters
        pattern = re.compile(rf"(\s*([^\s#;\[{marks}][^{marks}]*)[{marks}][ \t]*)(.*)")
        found: list[Entry] = []
        for block in self.blocks(lines):
            for number in block:
                line = lines[number]
                if self.continues and line[:1] in (" ", "\t") and found and found[-1].stop == number:
                    if line.strip():
                        whole = f"{found[-1].value}\n{line.strip()}"
                        found[-1] = replace(found[-1], value=whole, stop=number + 1)
                    continue
                match = pattern.fullmatch(line)
                if match:
                    found.append(Entry(match[2].strip(), match[3].strip(), number, number + 1, match[1]))
        return found

    def written(self, key: str, value: str, like: Entry | None) -> str:
        """The line of an assignment, spaced as the one that it replaces."""
        if like is None:
            return f"{key}{self.assign}{value}"
        before = like.before
        if re.search(rf"\s[{self.delimiters}]$", before):
            before += " "
        return f"{before}{value}"

    def kept(self, entry: Entry, value: str) -> bool:
        """Whether the entry says that already."""
        return entry.value == value

    def place(self, lines: Sequence[str], key: str) -> int:
        """Where a new entry goes: below its commented-out default, else after the section's last entry."""
        commented = re.compile(rf"[#;][ \t]*{re.escape(key)}[ \t]*[{self.delimiters}].*")
        blocks = self.blocks(lines)
        for block in blocks:
            for number in block:
                if commented.fullmatch(lines[number]):
                    return number + 1
        entries = self.entries(lines)
        return entries[-1].stop if entries else blocks[0].start

    def refused(self, key: str, values: Sequence[str]) -> Iterator[str]:
        """Sentences' halves that say why the values can't be written, for good."""
        if not re.fullmatch(
            rf"[^\s#;\[{self.delimiters}]([^\n\r{self.delimiters}]*[^\s{self.delimiters}])?", key
        ):
            yield "its name can't be a key in this format"
        for value in values:
            if "\n" in value or "\r" in value:
                yield "its value has more than one line"
            elif value != value.strip():
                yield "its value begins or ends with white space, which this format does not keep"


class Ini(Lines):
    """As oslo.config and ConfigParser read it."""

    delimiters = "=:"
    assign = " = "
    continues = True

    def __init__(self, section: str) -> None:
        self.section = section

    def blocks(self, lines: Sequence[str]) -> list[range]:
        found: list[range] = []
        inside = None
        for number, line in enumerate([*lines, "[]"]):
            if line.startswith("["):
                if inside is not None:
                    found.append(range(inside, number))
                header = _HEADER.match(line)
                inside = number + 1 if header and header[1] == self.section else None
        return found

    def prepared(self, lines: list[str]) -> list[str]:
        if self.blocks(lines):
            return lines
        body = lines if lines[-1] else lines[:-1]
        return [*body, *([""] if body else []), f"[{self.section}]", ""]


class Answers(Ini):
    """Packstack's: one section, keys without regard to case, no spaces."""

    assign = "="

    def __init__(self) -> None:
        super().__init__("general")

    def same(self, key: str) -> str:
        return key.lower()

    def prepared(self, lines: list[str]) -> list[str]:
        if self.blocks(lines):
            return lines
        raise Unusable(["it has no section [general], so it is no answer file"])
