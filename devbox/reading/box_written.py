"""The shape of a box file, key by key, as a strict model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field

from devbox.reading import names
from devbox.reading.documents import Where, quoted
from devbox.reading.fields import Bytes, form, matching
from devbox.reading.written import Written
from devbox.units import Size

BUILT = ("debian",)  # those whose images devbox makes itself
FAMILIES = (*BUILT, "almalinux", "centos", "fedora", "opensuse", "rocky", "ubuntu")
ARCHITECTURES = ("amd64",)

_PACKAGE = r"[a-z0-9][a-z0-9+.-]{1,99}"  # Debian policy, section 5.6.1
_RELEASE = r"[a-z0-9][a-z0-9.-]{0,39}"
_CODE_NAME = re.compile(r"[a-z][a-z0-9-]*")
_URL = r"[a-z][a-z0-9+.-]{0,19}://[!-~]{1,1000}"
_FINGERPRINT = r"([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"
_DIGEST = names.DIGEST.pattern
_WORD = r"[A-Za-z0-9_.,:/=@-]{1,200}"
_ACCOUNT = r"[a-z_][a-z0-9_-]{0,31}"
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
    str,
    AfterValidator(matching(_RELEASE, "no code name such as 'bookworm', nor a number such as '43'")),
    form(_RELEASE),
]
Cpu = Annotated[str, AfterValidator(matching(_CPU, "no CPU model such as 'Nehalem'")), form(_CPU)]
Summary = Annotated[
    str,
    AfterValidator(matching(_SUMMARY, "no summary: write one line without a full stop at its end")),
    form(_SUMMARY),
]
Family = Annotated[str, _choice("family", *FAMILIES), form("|".join(FAMILIES))]
Architecture = Annotated[str, _choice("architecture", *ARCHITECTURES), form("|".join(ARCHITECTURES))]


Url = Annotated[
    str, AfterValidator(matching(_URL, "no URL such as https://example.org/disk.qcow2")), form(_URL)
]
Fingerprint = Annotated[
    str,
    AfterValidator(matching(_FINGERPRINT, "no fingerprint of a key: write all of its 40 digits")),
    form(_FINGERPRINT),
]
Pinned = Annotated[
    str, AfterValidator(matching(_DIGEST, "no digest such as sha256:… with all its digits")), form(_DIGEST)
]
Word = Annotated[str, AfterValidator(matching(_WORD, "no word of a kernel's command line")), form(_WORD)]
Account = Annotated[str, AfterValidator(matching(_ACCOUNT, "no name of an account")), form(_ACCOUNT)]


class OriginWritten(Written):
    """Where a ready-made image is published, and how it is known to be the right one."""

    model_config = ConfigDict(json_schema_extra={"required": ["locations"]})
    required = ("locations",)
    locations: list[Url] | None = Field(None, description="URLs of the image, tried in this order.")
    checksums: Url | None = Field(None, description="URL of the file that lists the image's digest.")
    signature: Url | None = Field(
        None, description="URL of the checksum file's signature; leave it out where it is signed in itself."
    )
    keys: Url | None = Field(None, description="URL of the signers' public keys.")
    fingerprints: list[Fingerprint] = Field(
        [], description="Fingerprints of the primary keys that may sign; others don't count."
    )
    digest: Pinned | None = Field(None, description="The image's digest, where it never changes.")
    insecure: bool = Field(False, description="Take the image though nothing says that it is the right one.")


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
    image: OriginWritten | None = Field(
        None, description="A ready-made image to start from; without it devbox makes one from packages."
    )
    user: Account | None = Field(None, description="The account that the ready-made image brings.")
    cmdline: list[Word] = Field([], description="Words that the ready-made image's kernel needs besides.")
    prepared: bool = Field(
        True,
        description="Whether it has cloud-init and systemd; else it is fetched and verified, no more.",
    )


def contradictions(written: BoxWritten, file: Path) -> Iterator[tuple[Where, str]]:
    if file.suffix != ".yml":
        yield (), f"a box's file must be called NAME.yml; rename it to '{file.stem}.yml'"
    if not names.BOX.fullmatch(file.stem):
        yield (), f"{quoted(file.stem)} is no name of a box: use lower-case letters, digits, '.' and '-'"
    for index, package in enumerate(written.packages):
        if package in written.packages[:index]:
            yield ("packages", index), f"{quoted(package)} is listed twice"
    if written.image is None:
        yield from _built(written)
    else:
        yield from _ready_made(written, written.image)


def _built(written: BoxWritten) -> Iterator[tuple[Where, str]]:
    if written.family and written.family not in BUILT:
        yield ("family",), f"images of {quoted(written.family)} are not built here; name one at 'image'"
    elif written.release and not _CODE_NAME.fullmatch(written.release):
        yield ("release",), f"{quoted(written.release)} is no code name such as 'bookworm'"
    for key in ("user", "cmdline"):
        if getattr(written, key):
            yield (key,), "this belongs to a ready-made image; name one at 'image'"
    if not written.prepared:
        yield ("prepared",), "this belongs to a ready-made image; name one at 'image'"


def _ready_made(written: BoxWritten, image: OriginWritten) -> Iterator[tuple[Where, str]]:
    if written.packages:
        yield ("packages",), "a ready-made image has its packages; install others with a playbook"
    if image.locations is not None and not image.locations:
        yield ("image", "locations"), "there is no location; name at least one"
    for index, location in enumerate(image.locations or ()):
        if location in (image.locations or ())[:index]:
            yield ("image", "locations", index), "this location is listed twice"
    yield from _signed(image)
    verified = image.checksums or image.digest
    if not verified and not image.insecure:
        yield (
            ("image",),
            "nothing says which image is the right one: name 'checksums' or 'digest', or be 'insecure: true'",
        )
    if verified and image.insecure:
        yield ("image", "insecure"), "the image is verified, so leave this out"


def _signed(image: OriginWritten) -> Iterator[tuple[Where, str]]:
    if image.checksums:
        if bool(image.keys) != bool(image.fingerprints) or (image.signature and not image.keys):
            yield ("image", "checksums"), "a signature needs both 'keys' and 'fingerprints'"
        return
    for key in ("signature", "keys", "fingerprints"):
        if getattr(image, key):
            yield ("image", key), "there is no checksum file that this is about; name it at 'checksums'"
