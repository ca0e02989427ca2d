"""Scrubbing a disk image without booting it, and proving it on what comes out."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from devbox.errors import Refused
from devbox.process import missing, run, which
from devbox.scrub import free_space
from devbox.scrub.decide import Change
from devbox.scrub.engine import Request, scrub
from devbox.scrub.folder import FolderTarget
from devbox.scrub.mounting import assembled, check_known, exported, own_mounts, partitions
from devbox.scrub.report import Report
from devbox.scrub.residue import Probes, judged, search
from devbox.scrub.rooted import Root

_PROGRAMS = ("qemu-img", "qemu-storage-daemon", "sfdisk", "blkid", "losetup", "mount", "e2fsck", "mkswap")


@dataclass(frozen=True)
class _DiskTarget(FolderTarget):
    """A folder that remembers what it held, to look for it later."""

    probes: Probes = field(default_factory=Probes)

    def apply(self, changes: Sequence[Change]) -> list[str]:
        self.probes.gather(self.root, changes)
        return super().apply(changes)


def scrub_image(image: Path, output: Path, request: Request, *, verify: bool = True) -> Report:
    """Write a scrubbed, flattened, compacted copy of ``image`` to ``output``, which may be the same file.

    The image itself is only read. ``output`` appears when every check was passed, and not at all
    otherwise; the report says which. Needs root, for mounting.
    """
    _check(image)
    form = _format(image)
    with _workshop(output.parent) as folder:
        overlay, result = folder / "overlay.qcow2", folder / "result.qcow2"
        make = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", form]
        run([*make, "-b", image.resolve(), overlay])
        probes = Probes()
        with own_mounts():
            report = _scrubbed(overlay, folder, str(image), request, probes)
            if request.dry_run or not report.good:
                return report
            run(["qemu-img", "convert", "-O", "qcow2", overlay, result])
            report = _compacted(report, image, result)
            if verify:
                report = _verified(report, result, folder, request, probes)
        if report.good:
            result.chmod(image.stat().st_mode & 0o777)
            _flush(result)
            result.replace(output)
    return report


def replace_name(image: Path) -> str:
    return str(image)


def _check(image: Path) -> None:
    if not image.is_file():
        raise Refused(f"There is no disk image '{image}'.")
    if os.geteuid() != 0:
        raise Refused(
            "Only root may mount a disk image.",
            advice=f"Run 'sudo devbox scrub {image}', or scrub the running machine, which needs no root.",
        )
    for program in _PROGRAMS:
        if which(program) is None:
            raise missing(program)


def _format(image: Path) -> str:
    """qcow2 or raw; raises DevboxError where a running machine holds the disk."""
    return str(json.loads(run(["qemu-img", "info", "--output=json", image]))["format"])


@contextmanager
def _workshop(folder: Path) -> Iterator[Path]:
    """A private folder beside the output, so that the result only has to be renamed."""
    with tempfile.TemporaryDirectory(prefix=".devbox-scrub-", dir=folder) as made:
        yield Path(made)


def _scrubbed(overlay: Path, folder: Path, name: str, request: Request, probes: Probes) -> Report:
    with exported(overlay, "qcow2", folder, writable=True) as raw:
        everything = partitions(raw)
        found = check_known(everything, Path(name))
        with assembled(raw, found, folder) as (top, _), Root(top) as root:
            report = scrub(_DiskTarget(root, name, probes=probes), request)
            swaps = [] if request.dry_run or not report.good else free_space.clear_swap_files(root)
        if request.dry_run or not report.good:
            return report
        cleared = [one for one in found if one.kind]
        for one in cleared:
            free_space.clear(raw, one, folder)
    says = ", ".join([*(f"partition {one.number} ({one.kind})" for one in cleared), *swaps])
    notes = tuple(
        f"partition {one.number} ({one.kind}) was only looked at byte by byte: this host can't mount it"
        for one in everything
        if one not in found
    )
    return report.with_check("free space", f"overwritten in {says}", (), notes)


def _compacted(report: Report, image: Path, result: Path) -> Report:
    before, after = image.stat().st_blocks * 512, result.stat().st_blocks * 512
    says = f"one file without a backing file, {after >> 20} MiB (the image: {before >> 20} MiB)"
    return report.with_check("compacted", says)


def _verified(report: Report, result: Path, folder: Path, request: Request, probes: Probes) -> Report:
    place = folder / "verify"
    place.mkdir(mode=0o700)
    with exported(result, "qcow2", place, writable=False) as raw:
        found, looked = search(result, raw, probes)
        with (
            assembled(raw, check_known(partitions(raw), result), place, read_only=True) as (top, _),
            Root(top) as root,
        ):
            left, notes = judged(found, root, probes, request.keep)
    says = (
        f"{looked >> 20} MiB of the result read for {len(probes.pieces)} pieces and "
        f"{len(probes.tokens)} words of what was removed, and for secrets that are known by their looks"
    )
    return report.with_check("raw bytes", says, tuple(left), tuple(notes))


def _flush(file: Path) -> None:
    opened = os.open(file, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
