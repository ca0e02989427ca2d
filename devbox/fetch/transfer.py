"""What every fetcher is given, and how it says that it failed."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from devbox.configuration import FetchSettings
from devbox.errors import DevboxError

Progress = Callable[[int, int | None], None]  # bytes that are there, bytes in all where that is known


class FetchFailed(DevboxError):
    """A location gave nothing that can be used; the next one may."""


@dataclass(frozen=True)
class Metadata:
    """``said`` is what an image service says of the location, such as ``id`` and ``mountpoint``."""

    settings: FetchSettings = field(default_factory=FetchSettings)
    said: Mapping[str, str] = field(default_factory=dict)


class Fetcher(Protocol):
    """A module, or anything else, that knows how to get what some URLs name."""

    def schemes(self) -> Sequence[str]:
        """The schemes of those URLs."""

    def download(self, url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
        """Write all of it to ``destination``, which does not exist yet. Raises FetchFailed."""


def shown(url: str) -> str:
    """The URL without the password that may be in it."""
    parts = urlsplit(url)
    login, at, host = parts.netloc.rpartition("@")
    if not at or ":" not in login:
        return url
    return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}:***@{host}"))


@contextmanager
def written(url: str) -> Iterator[None]:
    """Turn what the disk says into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise DevboxError(
            f"The disk is full: '{shown(url)}' could not be stored.",
            details=str(error),
            advice="Make room with 'devbox gc', or set DEVBOX_HOME to a larger disk.",
        ) from error


def too_large(url: str, settings: FetchSettings) -> FetchFailed:
    return FetchFailed(
        f"'{shown(url)}' is larger than {settings.largest}.",
        advice="If that is right, raise 'fetch.largest' in devbox's configuration.",
    )


def lacking(extra: str, url: str, error: ImportError) -> FetchFailed:
    """Why a scheme can't be had whose library is not installed."""
    return FetchFailed(
        f"'{shown(url)}' needs a library that is not installed: {error.name}.",
        advice=f"Install devbox with it: pip install 'devbox[{extra}]'.",
    )
