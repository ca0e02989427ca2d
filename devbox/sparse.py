"""Files with holes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator


def extents(descriptor: int) -> Iterator[tuple[int, int]]:
    """Where there is data between a file's holes: first byte, and the one after the last."""
    size = os.fstat(descriptor).st_size
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole follows, lseek(2)
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
