"""The user's own configuration, config.yml: what holds for all projects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from devbox.configuration import Configuration, FetchSettings, Mount
from devbox.errors import BadInput
from devbox.reading.documents import Where, quoted, read
from devbox.reading.fields import Bytes, matching, whole
from devbox.reading.findings import examine, given, mistakes
from devbox.reading.written import Written

Scheme = Annotated[str, AfterValidator(matching(r"[a-z][a-z0-9+.-]{0,19}", "no URL scheme such as https"))]
Folder = Annotated[str, AfterValidator(matching(r"/[^\n]*", "no absolute path"))]


class MountWritten(Written):
    """A file system that an image service sees too."""

    required = ("id", "mountpoint")
    id: str | None = Field(None, description="What either side calls the file system.")
    mountpoint: Folder | None = Field(None, description="Where it is mounted here.")


class FetchWritten(Written):
    """Where images may come from."""

    allowed_schemes: list[Scheme] = Field([], description="URL schemes that may be used; empty allows all.")
    mirrors: dict[str, list[str]] = Field(
        {}, description="By the beginning of URLs, the beginnings that are tried before it."
    )
    mounts: list[MountWritten] = Field([], description="File systems that Glance sees as well.")
    largest: Bytes = Field(FetchSettings().largest, description="The most that a download may unpack to.")
    patience: Annotated[int, AfterValidator(whole(1, 3600))] = Field(
        FetchSettings().patience, description="Seconds after which a server that sends nothing has stalled."
    )


class ConfigurationWritten(Written):
    """devbox's configuration of one user."""

    fetch: FetchWritten = FetchWritten()


def load_configuration(file: Path) -> Configuration:
    """What the file says; the defaults where there is none. BadInput with every mistake."""
    if not file.exists():
        return Configuration()
    document = read(file)
    written, findings = examine(document, ConfigurationWritten)
    found = mistakes(document, findings, _contradictions(written))
    if found:
        raise BadInput(found)
    fetch = written.fetch
    return Configuration(
        FetchSettings(
            tuple(fetch.allowed_schemes),
            {start: tuple(places) for start, places in fetch.mirrors.items()},
            tuple(Mount(given(mount.id), Path(given(mount.mountpoint))) for mount in fetch.mounts),
            fetch.largest,
            fetch.patience,
        )
    )


def _contradictions(written: ConfigurationWritten) -> Iterator[tuple[Where, str]]:
    seen = set[str]()
    for index, mount in enumerate(written.fetch.mounts):
        for key in ("id", "mountpoint"):
            if getattr(mount, key) is None:
                yield ("fetch", "mounts", index), f"the key '{key}' is missing"
        if mount.id in seen:
            yield ("fetch", "mounts", index, "id"), f"{quoted(mount.id)} is the id of another mount already"
        seen.add(mount.id or "")
    for start, places in written.fetch.mirrors.items():
        for place in places:
            if start.endswith("/") != place.endswith("/"):
                yield ("fetch", "mirrors", start), "both sides end with '/', or none"
