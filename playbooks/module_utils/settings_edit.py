"""Changes keys of a configuration text and leaves every other byte as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ansible.module_utils.settings_lines import Answers, Entry, Ini, Lines, Unusable
from ansible.module_utils.settings_shell import Shell

if TYPE_CHECKING:  # machines may still have Python 3.8, which can't do this at run time
    # Key to text, to one text for each line, or to None to remove it.
    Values = Mapping[str, str | Sequence[str] | None]
    Items = Mapping[str, Sequence[str]]


def syntax(name: str, section: str = "DEFAULT", *, export: bool | None = None) -> Lines:
    """The format by its name: ini, answers, sysconfig or plain."""
    if name == "ini":
        return Ini(section)
    if name == "sysconfig":
        return Shell(export)
    return Answers() if name == "answers" else Lines()


def read(text: str, form: Lines) -> dict[str, list[str | None]]:
    """Key to the list of its values, in their order."""
    found: dict[str, list[str | None]] = {}
    for entry in form.entries(text.split("\n")):
        found.setdefault(entry.key, []).append(entry.value)
    return found


def edit(
    text: str,
    form: Lines,
    values: Values,
    append: Items,
    base: Mapping[str, str],
    *,
    new_keys: bool = True,
    keep: Sequence[str] = (),
) -> tuple[str, list[str]]:
    """The new text and the keys that changed in it.

    ``append`` has the items that a key's comma-separated value must have, ``base`` what the program takes
    for the value where the file lacks the key, ``keep`` the keys of shell assignments of which only whether
    they are exported may change. Raises Unusable with every reason.
    """
    _check_text(text)
    wanted = {key: _listed(value) for key, value in values.items()}
    problems = _refused(form, values, wanted, append, keep)
    if problems:
        raise Unusable(problems)
    lines = text.split("\n")
    there = {form.same(key): found for key, found in read(text, form).items()}
    missing = [key for key in (*values, *append) if form.same(key) not in there and wanted.get(key) != []]
    if missing and not new_keys:
        raise Unusable([f"it lacks the key '{key}'" for key in missing])
    wanted.update(_with_items(there, form, append, base))
    changed = []
    for key, texts in wanted.items():
        after = _with(lines, form, key, texts)
        if after != lines:
            changed.append(key)
        lines = after
    for key in keep if isinstance(form, Shell) else ():
        after = form.exported(lines, [key])
        if after != lines:
            changed.append(key)
        lines = after
    return "\n".join(lines), changed


def _check_text(text: str) -> None:
    first = re.search(r"\r(\n|\Z)", text)
    if first:
        number = text.count("\n", 0, first.start()) + 1
        raise Unusable([f"it has Windows line ends, the first on line {number}"])
    if "\0" in text or text.startswith("\ufeff"):
        raise Unusable(["it is no plain text: it has NUL bytes or a byte order mark"])


def _refused(form: Lines, values: Values, wanted: Items, append: Items, keep: Sequence[str]) -> list[str]:
    keys = [form.same(key) for key in (*values, *append, *keep)]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    problems = [f"the key '{key}' is given twice" for key in twice]
    if keep and not isinstance(form, Shell):
        problems.append("only a file of shell assignments exports keys")
    if type(form) is not Ini:
        several = [key for key, value in values.items() if isinstance(value, list)]
        problems += [f"the key '{key}' has a list of values, which only 'ini' can hold" for key in several]
    for key, texts in [*wanted.items(), *append.items()]:
        problems += [f"the key '{key}': {why}" for why in form.refused(key, texts)]
    for key, items in append.items():
        problems += [f"the key '{key}': the item '{item}' has a comma" for item in items if "," in item]
    return problems


def _listed(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _with_items(
    there: Mapping[str, Sequence[str | None]], form: Lines, append: Items, base: Mapping[str, str]
) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = {}
    problems = []
    for key, items in append.items():
        found = there.get(form.same(key))
        before = found[-1] if found else base.get(key)
        if before is not None:
            wanted[key] = [_appended(before, items)]
        elif found:
            problems.append(
                f"the key '{key}' has a value that only a shell knows, so nothing can be appended"
            )
        else:
            problems.append(f"it lacks the key '{key}', and 'append_base' has no value to append to")
    if problems:
        raise Unusable(problems)
    return wanted


def _appended(before: str, items: Sequence[str]) -> str:
    present = [item.strip() for item in before.replace("\n", ",").split(",") if item.strip()]
    new = [item for item in dict.fromkeys(items) if item not in present]
    if not new:
        return before
    comma = ", " if ", " in before else ","
    return comma.join([before, *new] if present else new)


def _with(lines: list[str], form: Lines, key: str, texts: list[str]) -> list[str]:
    """The lines with exactly these values of the key, in the places where it stands."""
    found = [entry for entry in form.entries(lines) if form.same(entry.key) == form.same(key)]
    if isinstance(form, Shell):
        texts = texts * max(1, len(found))  # which of several counts is for the shell to say
        _check_removal(found if not texts else [])
    lines = list(lines)
    for number in reversed(range(len(found))):
        entry = found[number]
        if number >= len(texts):
            del lines[entry.start : entry.stop]
        elif not form.kept(entry, texts[number]):
            lines[entry.start : entry.stop] = [form.written(entry.key, texts[number], entry)]
    new = [form.written(key, text, None) for text in texts[len(found) :]]
    if new:
        lines = form.prepared(lines)
        again = [entry for entry in form.entries(lines) if form.same(entry.key) == form.same(key)]
        at = again[-1].stop if again else form.place(lines, key)
        lines[at:at] = new
    return lines


def _check_removal(found: Sequence[Entry]) -> None:
    for entry in found:
        if entry.opaque or ";" in entry.after or entry.before[:1].isspace():
            raise Unusable(
                [f"line {entry.start + 1} does more than assign '{entry.key}' and can't be removed"]
            )
