"""How images come from elsewhere: one URL scheme a file, and the proof that they are the right ones."""

from __future__ import annotations

from devbox.fetch.checksums import Digest
from devbox.fetch.obtain import Fetched, Fetching, Trust
from devbox.fetch.table import GROUP, Table, build, table
from devbox.fetch.transfer import Fetcher, FetchFailed, Metadata, Progress

__all__ = [
    "GROUP",
    "Digest",
    "FetchFailed",
    "Fetched",
    "Fetcher",
    "Fetching",
    "Metadata",
    "Progress",
    "Table",
    "Trust",
    "build",
    "table",
]
