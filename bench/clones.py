"""Projects of many equal small machines, written for the occasion."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.by_hand import qemu_with
from bench.host import Failed, Host
from bench.row import Limit, Row, compare, timed

_ENVIRONMENT = "bench-clones"
_COLD = 4  # as many as boot at once without a small host standing still
_PSS = re.compile(r"^Pss: +([0-9]+) kB$", re.MULTILINE)


def names(count: int) -> list[str]:
    return [f"m{number:02}" for number in range(1, count + 1)]


def project_text(count: int) -> str:
    shape = "cpus: 1, memory: 512MiB, disk: 4GiB"
    machines = "".join(
        f"  {name}: {{box: debian-12, ip: 10.93.2.{number}, {shape}}}\n"
        for number, name in enumerate(names(count), 11)
    )
    return f"name: {_ENVIRONMENT}\nnetwork: {{cidr: 10.93.2.0/24}}\nmachines:\n{machines}"


@contextmanager
def up(here: Host, count: int, *options: str) -> Iterator[float]:
    """So many machines until each ran an SSH command, and in how many seconds; gone afterwards."""
    away = ("destroy", "--name", _ENVIRONMENT, "--yes")
    here.devbox(*away)  # of a run that was killed
    with tempfile.TemporaryDirectory(prefix="devbox-bench-") as folder:
        Path(folder, "devbox.yml").write_text(project_text(count))
        try:
            seconds = here.devbox("-C", folder, "up", "--yes", *options)
            yield seconds + timed(lambda: _first_commands(here, count))
        finally:
            here.devbox(*away)


def _first_commands(here: Host, count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(lambda name: here.first_command(_ENVIRONMENT, name), names(count)))


def make_template(here: Host) -> None:
    with up(here, 1):
        pass


def row(here: Host, count: int) -> Row:
    """So many clones at once, beside as many machines that boot; these are scaled from fewer."""
    make_template(here)

    def warm() -> float:
        with up(here, count) as seconds:
            return seconds

    def cold() -> float:
        with up(here, _COLD, "--cold") as seconds:
            return seconds * count / _COLD

    return compare(
        f"up of {count} clones to their first commands",
        warm,
        f"cold up of {_COLD}, scaled",
        cold,
        runs=3,
        baseline_runs=1,
        limit=Limit(ratio=1 / 4),
    )


def resident(here: Host, count: int) -> float:
    """MiB a machine: what the QEMUs have in memory, each shared page counted in equal parts."""
    files = here.home.environment(_ENVIRONMENT)
    return sum(_pss(files.machine(name).disk) for name in names(count)) / count


def _pss(disk: Path) -> float:
    process, _ = qemu_with(disk)
    try:
        return pss(Path(f"/proc/{process}/smaps_rollup").read_text())
    except OSError as error:
        raise Failed(f"the memory of the QEMU with {disk} can't be read: {error}") from error


def pss(smaps_rollup: str) -> float:
    """MiB, of the text of /proc/PID/smaps_rollup."""
    found = _PSS.search(smaps_rollup)
    if found is None:
        raise Failed("this kernel does not tell the Pss of a process")
    return int(found[1]) / 1024
