"""Reading box files: all boxes of some folders, or every mistake in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.box import Box, Origin
from devbox.errors import BadInput, Mistake

if TYPE_CHECKING:
    from devbox.reading.box_written import OriginWritten


@dataclass(frozen=True)
class Boxes:
    """The boxes of some folders, and what is wrong with the others."""

    found: dict[str, Box]
    broken: frozenset[str] = frozenset()
    mistakes: tuple[Mistake, ...] = ()


def load_boxes(folders: Iterable[Path]) -> dict[str, Box]:
    """All boxes by name; an earlier folder's box stands for those of later ones with its name.

    A folder that is missing has no boxes. Raises BadInput with all mistakes of all files.
    """
    boxes = read_boxes(folders)
    if boxes.mistakes:
        raise BadInput(list(boxes.mistakes))
    return boxes.found


def read_boxes(folders: Iterable[Path]) -> Boxes:
    """Like ``load_boxes``, for callers with more input to look at before they complain."""
    found: dict[str, Box] = {}
    broken: set[str] = set()
    mistakes: list[Mistake] = []
    for folder in folders:
        for file in _files(folder):
            if file.stem in found or file.stem in broken:
                continue
            try:
                found[file.stem] = load_box(file)
            except BadInput as error:
                broken.add(file.stem)
                mistakes += error.mistakes
    return Boxes(found, frozenset(broken), tuple(mistakes))


def load_box(file: Path) -> Box:
    """One box file; BadInput with all its mistakes."""
    from devbox.reading.box_written import BoxWritten, contradictions
    from devbox.reading.documents import read
    from devbox.reading.findings import examine, given, mistakes

    document = read(file)
    written, findings = examine(document, BoxWritten)
    found = mistakes(document, findings, contradictions(written, file))
    if found:
        raise BadInput(found)
    return Box(
        name=file.stem,
        file=file.absolute(),
        summary=given(written.summary),
        family=given(written.family),
        release=given(written.release),
        architecture=written.architecture,
        packages=tuple(written.packages),
        disk=written.disk,
        cpu=written.cpu,
        min_memory=written.min_memory,
        origin=_origin(written.image) if written.image else None,
        user=written.user or "",
        cmdline=tuple(written.cmdline),
        prepared=written.prepared,
    )


def _origin(written: OriginWritten) -> Origin:
    from devbox.reading.findings import given

    return Origin(
        locations=tuple(given(written.locations)),
        checksums=written.checksums or "",
        signature=written.signature or "",
        keys=written.keys or "",
        fingerprints=tuple(written.fingerprints),
        digest=written.digest or "",
        insecure=written.insecure,
    )


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*") if file.suffix in (".yml", ".yaml"))
