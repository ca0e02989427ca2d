"""From a document and a model to what is right in it and a sentence for everything that is wrong."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from devbox.errors import Mistake
from devbox.reading.documents import Document, Where, quoted
from devbox.reading.fields import kind
from devbox.reading.names import near
from devbox.reading.written import Written

Model = TypeVar("Model", bound=Written)
Value = TypeVar("Value")
Findings = dict[Where, str]

_TEXT = "a text"
_WANTED = {
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "list_type": "a list, such as [first, second]",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
}


def examine(document: Document, model: type[Model]) -> tuple[Model, Findings]:
    """What the document says, without what is wrong in it, and the findings by place."""
    findings: Findings = {}
    try:
        written = model.model_validate(document.root)
    except ValidationError as error:
        # pydantic reports all errors of all levels at once, so what remains is right
        for details in error.errors(include_url=False):
            findings[details["loc"]] = _sentence(details, model)
        written = model.model_validate(_without(document.root, findings))
    for where, problem in _missing(written, document.root):
        if not covered(where, findings):
            findings[where] = problem
    return written, findings


def covered(where: Where, findings: Mapping[Where, str]) -> bool:
    """Whether there is a finding here already, or at something around it."""
    return any(where[:length] in findings for length in range(len(where) + 1))


def _sentence(details: ErrorDetails, model: type[Written]) -> str:
    given = details["input"]
    wanted = _WANTED.get(details["type"])
    if details["type"] == "extra_forbidden":
        return _unknown(details["loc"], model)
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    if wanted is None:
        return f"this is wrong: {details['msg']}"
    if given is None:
        return f"this has no value; write {wanted}, or leave the key out"
    quotes = "; put it in quotes" if wanted == _TEXT and not isinstance(given, list | dict) else ""
    return f"this must be {wanted}, not {kind(given)}{quotes}"


def _unknown(where: Where, model: type[Written]) -> str:
    """An unknown key, with the place where it belongs, or the nearest known key."""
    key = str(where[-1])
    homes = _mappings(model)
    for home, fields in homes.items():
        if key in fields:
            return f"{quoted(key)} does not belong here but at '{'.'.join((*home, key))}'"
    here = next(fields for home, fields in homes.items() if _fits(where[:-1], home))
    return f"there is no key {quoted(key)}{near(key, here)}"


def _mappings(model: type[Written], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], list[str]]:
    """The keys of each mapping of fixed keys, by its path, in which NAME stands for any key."""
    found = {path: list(model.model_fields)}
    for key, described in model.model_fields.items():
        for inner, within in _models_in(described.annotation):
            found |= _mappings(inner, (*path, key, *within))
    return found


def _models_in(annotation: Any) -> Iterator[tuple[type[Written], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, Written):
        yield annotation, ()
    within = ("NAME",) if typing.get_origin(annotation) is dict else ()
    for argument in typing.get_args(annotation):
        for model, path in _models_in(argument):
            yield model, (*within, *path)


def _fits(where: Where, home: tuple[str, ...]) -> bool:
    return len(where) == len(home) and all(
        part in (key, "NAME") for key, part in zip(where, home, strict=True)
    )


def _missing(written: Written, raw: Any, where: Where = ()) -> Iterator[tuple[Where, str]]:
    for key in written.required:
        if getattr(written, key) is None:
            yield (*where, key), "this has no value" if key in raw else f"the key '{key}' is missing"
    for key in type(written).model_fields:
        value = getattr(written, key)
        if isinstance(value, Written) and key in raw:
            yield from _missing(value, raw[key], (*where, key))
        elif isinstance(value, dict):
            for name, inner in value.items():
                if isinstance(inner, Written):
                    yield from _missing(inner, raw[key][name], (*where, key, name))


def _without(value: Any, findings: Mapping[Where, str], where: Where = ()) -> Any:
    """The value without what has a finding."""
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if (*where, key) not in findings}
        return {key: _without(inner, findings, (*where, key)) for key, inner in kept.items()}
    if isinstance(value, list):
        kept_items = [(i, inner) for i, inner in enumerate(value) if (*where, i) not in findings]
        return [_without(inner, findings, (*where, index)) for index, inner in kept_items]
    return value


def mistakes(
    document: Document, findings: Mapping[Where, str], contradictions: Iterable[tuple[Where, str]]
) -> list[Mistake]:
    """All that is wrong: in the text, in single values, and between values that are right by themselves."""
    found = list(document.mistakes)
    found += [document.mistake(where, problem) for where, problem in findings.items()]
    for where, problem in contradictions:
        original = _original(where, findings)
        if not covered(original, findings):
            found.append(document.mistake(original, problem))
    return found


def _original(where: Where, findings: Mapping[Where, str]) -> Where:
    """The place in the document of what ``examine`` left, whose lists lack the wrong items."""
    original: Where = ()
    for key in where:
        number = key
        if isinstance(number, int):
            removed = sorted(place[-1] for place in findings if place[:-1] == original and len(place) > 0)
            for index in removed:
                number += isinstance(index, int) and index <= number
        original = (*original, number)
    return original


def given(value: Value | None) -> Value:
    """What ``examine`` would have reported, were it missing."""
    if value is None:
        raise TypeError("A required key that is missing was not reported.")
    return value
