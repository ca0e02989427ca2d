"""ssh: a file of another host, by OpenSSH with the user's own settings, keys and known hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from devbox import process
from devbox.fetch.transfer import FetchFailed, Metadata, Progress, shown, too_large, written


def schemes() -> Sequence[str]:
    return ("ssh",)


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if not parts.hostname or not path.strip("/"):
        raise FetchFailed(f"'{shown(url)}' names no file: write ssh://[USER@]HOST[:PORT]/PATH.")
    if parts.hostname.startswith("-") or (parts.username or "").startswith("-"):
        raise FetchFailed(f"'{shown(url)}' names no host.")
    patience = metadata.settings.patience
    words = [
        "scp",
        "-B",
        "-q",
        "-s",
        "-o",
        f"ConnectTimeout={patience}",
        "-o",
        f"ServerAliveInterval={patience}",
    ]
    words += ["-P", str(parts.port)] if parts.port else []
    login = f"{parts.username}@" if parts.username else ""
    try:
        with written(url):
            process.stream(
                [*words, "--", f"{login}{parts.hostname}:{path}", str(destination)], lambda _: None
            )
    except process.CommandFailed as error:
        raise FetchFailed(f"'{shown(url)}' could not be fetched.", details=error.output.strip()) from error
    size = destination.stat().st_size
    if size > metadata.settings.largest:
        raise too_large(url, metadata.settings)
    progress(size, size)
