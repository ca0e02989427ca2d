"""swift: an object of a container, swift://[CLOUD@]CONTAINER/OBJECT, in a cloud of clouds.yaml or OS_*."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devbox.fetch.cloud import connect, failures
from devbox.fetch.streams import store
from devbox.fetch.transfer import FetchFailed, Metadata, Progress

_CHUNK = 1 << 20


def schemes() -> Sequence[str]:
    return ("swift",)


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    parts = urlsplit(url)
    cloud, _, container = parts.netloc.rpartition("@")
    name = unquote(parts.path.lstrip("/"))
    if not container or not name:
        raise FetchFailed(f"'{url}' names no object: write swift://[CLOUD@]CONTAINER/OBJECT.")
    connection = connect(url, cloud, metadata.settings)
    with failures(url):
        swift = connection.object_store  # asks for the service's versions
        size = swift.get_object_metadata(name, container=container).content_length
        pieces = swift.stream_object(name, container=container, chunk_size=_CHUNK)
        store(url, pieces, int(size) if size else None, destination, metadata, progress)
