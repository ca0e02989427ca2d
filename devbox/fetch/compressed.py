"""Images that are published compressed: unpacked by piece, and never to more than is allowed."""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from devbox.fetch.transfer import FetchFailed, written
from devbox.units import Size

_CHUNK = 1 << 20
_MAGIC = {b"\xfd7zXZ\x00": "xz", b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_XZ_MEMORY = 1 << 28  # 'xz -9' needs a quarter of that
_ZSTD_WINDOW = 1 << 27  # what 'zstd --long' makes at most


def kind(file: Path) -> str:
    """``xz``, ``gzip``, ``zstd``, or nothing: by the first bytes, whatever the name says."""
    with file.open("rb") as opened:
        start = opened.read(8)
    return next((name for magic, name in _MAGIC.items() if start.startswith(magic)), "")


def unpack(source: Path, target: Path, largest: Size) -> None:
    """Write what is packed in ``source``, with holes for zeros.

    Raises FetchFailed where it is damaged, or unpacks to more than ``largest`` bytes.
    """
    done = 0
    zeros = bytes(_CHUNK)
    with _opened(source) as packed, target.open("xb") as file, written(str(source)):
        while chunk := packed.read(_CHUNK):
            done += len(chunk)
            if done > largest:
                raise FetchFailed(
                    f"'{source.name}' unpacks to more than {largest}.",
                    advice="If that is right, raise 'fetch.largest' in devbox's configuration.",
                )
            if chunk == zeros[: len(chunk)]:
                file.seek(len(chunk), 1)
            else:
                file.write(chunk)
        file.truncate(done)


@contextmanager
def _opened(source: Path) -> Iterator[IO[bytes]]:
    import zstandard

    with source.open("rb") as raw:
        reader: Any
        match kind(source):
            case "xz":
                reader = _Xz(raw)
            case "gzip":
                reader = gzip.GzipFile(fileobj=raw)
            case _:
                reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
                    raw, read_across_frames=True
                )
        try:
            yield reader
        except (lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
            raise FetchFailed(
                f"'{source.name}' can't be unpacked: it is damaged.", details=str(error)
            ) from error


class _Xz:
    """As lzma.LZMAFile, which has no limit of memory: one stream after the other."""

    def __init__(self, raw: IO[bytes]) -> None:
        self.raw = raw
        self.rest = b""
        self.stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        while True:
            if self.stream.eof:
                self.rest = self.stream.unused_data.lstrip(b"\0") or self._more()
                if not self.rest:
                    return b""
                self.stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
            elif self.stream.needs_input and not self.rest:
                self.rest = self._more()
                if not self.rest:
                    raise EOFError("it ends in the middle")
            packed, self.rest = self.rest, b""
            if data := self.stream.decompress(packed, size):
                return data

    def _more(self) -> bytes:
        return self.raw.read(_CHUNK)
