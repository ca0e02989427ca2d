"""The shape of a workaround.yml, key by key, as a strict model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from devbox.reading import names
from devbox.reading.documents import Where, quoted
from devbox.reading.fields import matching
from devbox.reading.written import Written
from devbox.workarounds.entry import Status

TASKS = ("detect.yml", "fix.yml", "verify.yml")
LEAST_LITERAL = 8  # characters besides '*'; a shorter symptom would match whatever is pasted

_CONDITION = r"\*|(?:(?:<=|>=|==|!=|<|>) ?[0-9][\w.+~:-]*)(?:, ?(?:<=|>=|==|!=|<|>) ?[0-9][\w.+~:-]*)*"
_URL = r"https?://[^\s/]+\S*"

OneLine = Annotated[
    str, AfterValidator(matching(r"[^\n]{1,119}[^\n.]", "no summary: write one line without a full stop"))
]
Paragraph = Annotated[
    str, AfterValidator(matching(r"(?s)\S.{20,}\S\s*", "too short to explain anything; write a paragraph"))
]
Sentence = Annotated[
    str, AfterValidator(matching(r"\S[^\n]{5,}\.", "no sentence; write one, with its full stop"))
]
Url = Annotated[str, AfterValidator(matching(_URL, "no URL such as https://bugs.example.org/1"))]
Condition = Annotated[
    str, AfterValidator(matching(_CONDITION, "no condition such as '>=2013.2, <2014.1'; '*' is any version"))
]


def _symptom(value: str) -> str:
    literal = value.replace("*", "").strip()
    if len(literal) < LEAST_LITERAL:
        raise ValueError(f"{quoted(value)} fits almost any text; write at least {LEAST_LITERAL} characters")
    if "\n" in value:
        raise ValueError(f"{quoted(value)} is more than one line")
    return value


def _status(value: str) -> str:
    if value not in set(Status):
        raise ValueError(f"{quoted(value)} is no status{names.near(value, Status)}")
    return value


class DistributionWritten(Written):
    required = ("name",)
    name: str | None = None
    versions: list[str] = Field([])


class AffectsWritten(Written):
    families: list[str] = Field([])
    distributions: list[DistributionWritten] = Field([])
    packages: dict[str, Condition] = Field({})
    tools: dict[str, Condition] = Field({})


class VariableWritten(Written):
    required = ("description",)
    description: str | None = None
    default: Any = None


class WorkaroundWritten(Written):
    """One entry; its name is the folder's."""

    required = ("summary", "symptoms", "explanation", "references", "affects", "status", "retire")
    summary: OneLine | None = None
    symptoms: list[Annotated[str, AfterValidator(_symptom)]] | None = None
    explanation: Paragraph | None = None
    references: list[Url] | None = None
    affects: AffectsWritten | None = None
    status: Annotated[str, AfterValidator(_status)] | None = None
    retire: Sentence | None = None
    variables: dict[str, VariableWritten] = Field({})


def contradictions(
    written: WorkaroundWritten, raw: Mapping[str, Any], folder: Path
) -> Iterator[tuple[Where, str]]:
    """What is wrong with the folder, and with values that are right by themselves; ``raw`` is the file."""
    if not re.fullmatch(names.WORKAROUND, folder.name):
        yield (), f"{quoted(folder.name)} is no name: use lower-case letters, digits, '.' and '-'"
    for name in TASKS:
        if not (folder / name).is_file():
            yield (), f"there is no '{name}' beside this file"
    for key in ("symptoms", "references"):
        if raw.get(key) == []:
            yield (key,), "this list is empty; write at least one"
        yield from _repeated(key, getattr(written, key) or [])
    affects = written.affects
    if affects is not None:
        if not any((affects.families, affects.distributions, affects.packages, affects.tools)):
            yield ("affects",), "this says nothing; name families, distributions, packages or tools"
        for index, one in enumerate(affects.distributions):
            if one.name is None:
                yield ("affects", "distributions", index), "the key 'name' is missing"
    yield from _named(names.variable, written.variables)


def _repeated(key: str, values: list[str]) -> Iterator[tuple[Where, str]]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (key, index), f"{quoted(value)} is listed twice"


def _named(check: Callable[[str], str], variables: dict[str, VariableWritten]) -> Iterator[tuple[Where, str]]:
    for name in variables:
        try:
            check(name)
        except ValueError as error:
            yield ("variables", name), str(error)
            continue
        if not name.startswith("workaround_"):
            yield ("variables", name), f"{quoted(name)} does not begin with 'workaround_'"
