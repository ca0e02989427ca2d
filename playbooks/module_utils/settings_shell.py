"""Shell assignments, as in /etc/sysconfig and /etc/default."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ansible.module_utils.settings_lines import Entry, Lines, Unusable

_ASSIGNMENT = re.compile(r"([ \t]*(?:export[ \t]+)?)([A-Za-z_][A-Za-z0-9_]*)=")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NEEDS_NO_QUOTES = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")
_ENDS = re.compile(r"[ \t]*(?:;.*|[ \t]#.*)?")
_ESCAPED_IN_QUOTES = '\\"$`'
_ESCAPE_IN_QUOTES = re.compile(r'\\([\\"$`\n])')
# What a word is made of: single quotes, double quotes, an escaped character, a plain one. A command
# substitution is no part: it may have anything in it.
_PART = re.compile(
    r"""'([^']*)' | "((?:[^"\\`$] | \\. | \$(?!\())*)" | \\(.) | ([^\s;&|<>()'"\\`$] | \$(?![('"]))""",
    re.DOTALL | re.VERBOSE,
)
_WORD = re.compile(f"(?:{_PART.pattern})*", re.DOTALL | re.VERBOSE)


class Shell(Lines):
    """Assignments are recognised at the beginning of a line; ``export`` None leaves them as they are."""

    def __init__(self, export: bool | None = None) -> None:
        self.export = export

    def entries(self, lines: Sequence[str]) -> list[Entry]:
        found: list[Entry] = []
        number = 0
        while number < len(lines):
            entry = self._entry(lines, number)
            if entry is not None:
                found.append(entry)
            number = entry.stop if entry else number + 1
        return found

    def _entry(self, lines: Sequence[str], number: int) -> Entry | None:
        match = _ASSIGNMENT.match(lines[number])
        if match is None:
            return None
        text = "\n".join(lines[number:])[match.end() :]
        word = _WORD.match(text)[0]
        rest = text[len(word) :].split("\n", 1)[0]
        if not _ENDS.fullmatch(rest):
            return Entry(match[2], None, number, number + 1, match[1], opaque=True)
        quote = word[:1] if word[:1] in ("'", '"') else ""
        return Entry(match[2], _meaning(word), number, number + 1 + word.count("\n"), match[1], rest, quote)

    def written(self, key: str, value: str, like: Entry | None) -> str:
        if like is None:
            return f"{'export ' if self.export else ''}{key}={_quoted(value, '')}"
        if like.opaque:
            raise Unusable([f"line {like.start + 1} assigns '{key}' in a way that only a shell understands"])
        return f"{self._before(like)}{key}={_quoted(value, like.quote)}{like.after}"

    def kept(self, entry: Entry, value: str) -> bool:
        return entry.value == value and self._before(entry) == entry.before

    def exported(self, lines: Sequence[str], keys: Sequence[str]) -> list[str]:
        """The lines with these keys exported as asked, whatever their values are."""
        after = list(lines)
        for entry in self.entries(lines):
            if entry.key in keys:
                rest = lines[entry.start][len(entry.before) :]
                after[entry.start] = f"{self._before(entry)}{rest}"
        return after

    def _before(self, entry: Entry) -> str:
        indent = entry.before[: len(entry.before) - len(entry.before.lstrip())]
        exported = entry.before.strip() == "export"
        if self.export is None or self.export == exported:
            return entry.before
        return f"{indent}export " if self.export else indent

    def place(self, lines: Sequence[str], key: str) -> int:
        """After the commented-out default, else at the end: the last assignment may stand inside an `if`."""
        commented = re.compile(rf"#[ \t]*(?:export[ \t]+)?{re.escape(key)}=.*")
        for number, line in enumerate(lines):
            if commented.fullmatch(line):
                return number + 1
        return len(lines) if lines[-1] else len(lines) - 1

    def refused(self, key: str, values: Sequence[str]) -> Iterator[str]:
        if not _NAME.fullmatch(key):
            yield "its name can't be a shell variable's"
        if any("\n" in value or "\r" in value for value in values):
            yield "its value has more than one line"


def _meaning(word: str) -> str | None:
    """The value that the shell makes of the word; None where that depends on other variables."""
    parts = []
    for match in _PART.finditer(word):
        single, double, escaped, plain = match.groups()
        if "$" in re.sub(r"\\.", "", double or plain or "", flags=re.DOTALL):
            return None
        if double is not None:
            parts.append(_ESCAPE_IN_QUOTES.sub(lambda found: found[1].strip("\n"), double))
        else:
            parts.append(single or plain or (escaped or "").strip("\n"))
    return "".join(parts)


def _quoted(value: str, quote: str) -> str:
    """The value in quotes of the kind that was there, where they can hold it."""
    if not quote and _NEEDS_NO_QUOTES.fullmatch(value):
        return value
    if "'" not in value and (quote == "'" or (not quote and set(value) & set(_ESCAPED_IN_QUOTES))):
        return f"'{value}'"
    escaped = "".join(f"\\{char}" if char in _ESCAPED_IN_QUOTES else char for char in value)
    return f'"{escaped}"'
