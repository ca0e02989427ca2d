"""file and filesystem: a direct copy of a file that this host sees, by the mount map if that is needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devbox.errors import Refused
from devbox.fetch.direct import copy
from devbox.fetch.mounts import local_path
from devbox.fetch.transfer import FetchFailed, Metadata, Progress, too_large, written

_log = logging.getLogger(__name__)


def schemes() -> Sequence[str]:
    return ("file", "filesystem")


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    """A location that a service names comes with its mount; the user's own needs no map."""
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise FetchFailed(f"'{url}' names the host '{parts.netloc}'; a file is on this one.")
    path = unquote(parts.path)
    try:
        source = local_path(path, metadata.said, metadata.settings) if metadata.said else Path(path)
    except Refused as error:
        raise FetchFailed(error.message, details=error.details, advice=error.advice) from error
    try:
        if not source.is_file():
            raise FetchFailed(f"'{source}' is no file on this host.")
        size = source.stat().st_size
        if size > metadata.settings.largest:
            raise too_large(url, metadata.settings)
        with written(url):
            how = copy(source, destination, lambda done: progress(done, size))
    except PermissionError as error:
        raise FetchFailed(f"'{source}' can't be read: {error.strerror}.") from error
    _log.info("%s was %s", url, how)
