"""The mount map: where a file lies here that an image service sees below a mount point of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from devbox.configuration import FetchSettings
from devbox.errors import Refused


def local_path(path: str, said: Mapping[str, str], settings: FetchSettings) -> Path:
    """The same file as this host sees it.

    ``said`` has ``id`` and ``mountpoint`` of the service's side. Components are compared as wholes,
    and none may be '..', so that nothing outside the mount point is reached. Raises Refused.
    """
    missing = [name for name in ("id", "mountpoint") if not said.get(name)]
    if missing:
        raise Refused(f"The location '{path}' comes without {' and '.join(missing)}.")
    ours = next((mount for mount in settings.mounts if mount.id == said["id"]), None)
    if ours is None:
        raise Refused(
            f"The file system '{said['id']}' of the location '{path}' is not known here.",
            advice="Add it to 'fetch.mounts' in devbox's configuration, if this host has it too.",
        )
    theirs, file = PurePosixPath(said["mountpoint"]), PurePosixPath(path)
    if ".." in file.parts or not file.is_absolute() or not file.is_relative_to(theirs):
        raise Refused(f"The location '{path}' is not below its mount point '{theirs}'.")
    found = ours.mountpoint / file.relative_to(theirs)
    # a link in the shared file system may lead out of it
    if not found.resolve().is_relative_to(ours.mountpoint.resolve()):
        raise Refused(f"The location '{path}' leads out of '{ours.mountpoint}' by a link.")
    return found
