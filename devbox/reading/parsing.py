"""From devbox.yml to an Environment, or to every mistake in it at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from devbox.box import Box
from devbox.environment import Environment, MachineSpec
from devbox.errors import BadInput, Mistake, Refused
from devbox.reading.boxes import read_boxes
from devbox.reading.known import HostLimits, Known

if TYPE_CHECKING:
    from devbox.reading.written import EnvironmentWritten

NAME = "devbox.yml"

_SHOWN = 100

_ADVICE = "Correct the lines above and run the command again; 'devbox validate' looks at the input alone."


def find_file(start: Path) -> Path:
    """The devbox.yml in this folder or the nearest one above it; Refused where there is none."""
    folder = Path(os.path.abspath(start))
    for candidate in (folder, *folder.parents):
        if os.path.lexists(candidate / NAME):
            return candidate / NAME
    raise Refused(
        f"There is no '{NAME}' in '{folder}' or a folder above it.",
        advice="Run 'devbox init' to write one here, or go to the project's folder.",
    )


def load_environment(
    file: Path,
    *,
    boxes: Mapping[str, Box],
    playbooks: Collection[str],
    limits: HostLimits,
    workarounds: Collection[str] | None = None,
) -> Environment:
    """The environment that the file and what it includes describe; BadInput with every mistake.

    ``workarounds`` are the names in the catalogue; None takes any.
    """
    return _load(file, Known(boxes, playbooks, limits, workarounds=workarounds), [])


def load_project(
    file: Path,
    *,
    box_folders: Iterable[Path],
    playbooks: Collection[str],
    limits: HostLimits,
    workarounds: Collection[str] | None = None,
) -> tuple[Environment, dict[str, Box]]:
    """The environment and the boxes; BadInput with the mistakes of devbox.yml and of all box files."""
    boxes = read_boxes(box_folders)
    known = Known(boxes.found, playbooks, limits, boxes.broken, workarounds)
    return _load(file, known, boxes.mistakes), boxes.found


def _load(file: Path, known: Known, mistakes_of_boxes: Iterable[Mistake]) -> Environment:
    # late: together they take longer to import than `devbox --help` may take
    from devbox.reading.contradictions import contradictions
    from devbox.reading.findings import examine, mistakes
    from devbox.reading.include import read_all
    from devbox.reading.written import EnvironmentWritten

    found: list[Mistake] = list(mistakes_of_boxes)
    try:
        document = read_all(file)
    except BadInput as error:
        raise _bad([*found, *error.mistakes]) from None
    written, findings = examine(document, EnvironmentWritten)
    found += mistakes(document, findings, contradictions(written, known))
    if found:
        raise _bad(found)
    return _environment(file, written)


def _bad(mistakes: list[Mistake]) -> BadInput:
    """All mistakes, or as many as anyone would read."""
    different = sorted(set(mistakes))
    if len(different) <= _SHOWN:
        return BadInput(different, advice=_ADVICE)
    return BadInput(different[:_SHOWN], advice=f"These are the first {_SHOWN} of {len(different)}. {_ADVICE}")


def _environment(file: Path, written: EnvironmentWritten) -> Environment:
    from devbox.reading.findings import given

    network = given(written.network)
    skipped = written.workarounds.skip
    machines = tuple(
        MachineSpec(
            name=name,
            box=given(machine.box),
            ip=given(machine.ip),
            cpus=machine.cpus,
            memory=machine.memory,
            disk=machine.disk,
            bake=tuple(machine.bake),
            provision=tuple(machine.provision),
            ports=tuple(machine.ports),
        )
        for name, machine in given(written.machines).items()
    )
    return Environment(
        name=given(written.name),
        file=file.absolute(),
        cidr=given(network.cidr),
        machines=machines,
        # the role workarounds asks for it
        vars={"workarounds_skip": skipped, **written.vars} if skipped else written.vars,
        skipped_workarounds=tuple(skipped),
        bake_in=written.bake_in,
    )
