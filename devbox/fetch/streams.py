"""Writing what a library hands over piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from devbox.fetch.transfer import FetchFailed, Metadata, Progress, shown, too_large, written


def store(
    url: str,
    pieces: Iterable[bytes],
    total: int | None,
    destination: Path,
    metadata: Metadata,
    progress: Progress,
) -> None:
    """Raises FetchFailed when it is too large, or shorter than was said."""
    done = 0
    with written(url), destination.open("xb") as file:
        for piece in pieces:
            file.write(piece)
            done += len(piece)
            if done > metadata.settings.largest:
                raise too_large(url, metadata.settings)
            progress(done, total)
    if total is not None and done != total:
        raise FetchFailed(f"'{shown(url)}' was cut short: {done} of {total} bytes came.")
