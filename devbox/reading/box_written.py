"""The shape of a box file, key by key, as a strict model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from devbox.reading import names
from devbox.reading.documents import Where, quoted
from devbox.reading.fields import Bytes, form, matching
from devbox.reading.written import Written
from devbox.units import Size

FAMILIES = ("debian",)
ARCHITECTURES = ("amd64",)

_PACKAGE = r"[a-z0-9][a-z0-9+.-]{1,99}"  # Debian policy, section 5.6.1
_RELEASE = r"[a-z][a-z0-9-]{0,39}"
_CPU = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_SUMMARY = r"[^\n]{1,79}[^\n.]"


def _choice(what: str, *known: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"{quoted(value)} is no {what} that can be built{names.near(value, known)}")
        return value

    return AfterValidator(check)


Package = Annotated[str, AfterValidator(matching(_PACKAGE, "no name of a package")), form(_PACKAGE)]
Release = Annotated[
    str, AfterValidator(matching(_RELEASE, "no code name such as 'bookworm'")), form(_RELEASE)
]
Cpu = Annotated[str, AfterValidator(matching(_CPU, "no CPU model such as 'Nehalem'")), form(_CPU)]
Summary = Annotated[
    str,
    AfterValidator(matching(_SUMMARY, "no summary: write one line without a full stop at its end")),
    form(_SUMMARY),
]
Family = Annotated[str, _choice("family", *FAMILIES), form("|".join(FAMILIES))]
Architecture = Annotated[str, _choice("architecture", *ARCHITECTURES), form("|".join(ARCHITECTURES))]


class BoxWritten(Written):
    """A box: the recipe of a base image. Its name is the file's."""

    required = ("summary", "family", "release")
    summary: Summary | None = Field(None, description="One line without a full stop.")
    family: Family | None = Field(
        None, description="The distribution's family, which decides how it is built."
    )
    release: Release | None = Field(None, description="The release's code name, such as bookworm.")
    architecture: Architecture = Field(
        "amd64", description="The machine's architecture in the family's words."
    )
    packages: list[Package] = Field([], description="Packages beyond those that every machine needs.")
    disk: Bytes = Field(Size.parse("4GiB"), description="The image's size with its unit.")
    cpu: Cpu = Field("Nehalem", description="QEMU's CPU model where it is emulated.")
    min_memory: Bytes = Field(Size.parse("512MiB"), description="The least memory that a machine boots with.")


def contradictions(written: BoxWritten, file: Path) -> Iterator[tuple[Where, str]]:
    if file.suffix != ".yml":
        yield (), f"a box's file must be called NAME.yml; rename it to '{file.stem}.yml'"
    if not names.BOX.fullmatch(file.stem):
        yield (), f"{quoted(file.stem)} is no name of a box: use lower-case letters, digits, '.' and '-'"
    for index, package in enumerate(written.packages):
        if package in written.packages[:index]:
            yield ("packages", index), f"{quoted(package)} is listed twice"
