"""Room on the disk, asked for before the work and not in its middle."""

from __future__ import annotations

from devbox.errors import DevboxError
from devbox.host import disk_room
from devbox.paths import Home
from devbox.units import Size

LAYER = Size(2 << 30)  # what a playbook installs, with a reserve
_SPARE = Size(256 << 20)


def frozen(memory: int) -> Size:
    """The most that machines with so much RAM take on disk while they are frozen: as a stream and mapped."""
    return Size(2 * memory + _SPARE)


def require(home: Home, needed: Size, what: str) -> None:
    """Raise DevboxError unless the store's disk has so much room."""
    free = disk_room(home.root)
    if free < needed:
        raise DevboxError(
            f"{what} needs {needed.mib} MiB of room in '{home.root}', and {free.mib} MiB are free.",
            advice="Make room, with 'devbox gc' for one, or set DEVBOX_HOME to a larger disk.",
        )
