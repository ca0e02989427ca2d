"""Sixteen clones of one template at once: each is itself, all can talk, and together they stay small."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import Program

from devbox.paths import Home

pytestmark = pytest.mark.vm

COUNT = 16
HEAD = "name: {name}\nnetwork: {{cidr: 10.90.{net}.0/24}}\nmachines:\n"
ONE = "  m{number}: {{box: debian-12, ip: 10.90.{net}.{last}, memory: 512MiB, cpus: 1, disk: 4GiB}}\n"
TOLD = "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id /etc/ssh/ssh_host_ed25519_key.pub"


def project(folder: Path, name: str, net: int, count: int) -> Path:
    machines = (ONE.format(number=number, net=net, last=10 + number) for number in range(count))
    (folder / "devbox.yml").write_text(HEAD.format(name=name, net=net) + "".join(machines))
    return folder


@pytest.fixture(scope="module")
def many(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    cli = Program(shared_home)
    folder = project(tmp_path_factory.mktemp("many"), "many", 5, COUNT)
    cli.good("-C", folder, "up", "--yes")
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def each(cli: Program, folder: Path, command: str) -> list[str]:
    """What the command says in every machine, a few at a time."""

    def ask(number: int) -> str:
        return cli.good("-C", folder, "exec", f"m{number}", "--", "bash", "-c", command)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(ask, range(COUNT)))


def ram(environment: str) -> list[int]:
    """Kilobytes that each QEMU of the environment takes for its machine's RAM, shared pages in parts.

    Beside it an emulating QEMU has the code that it translated: its own, more the longer it runs.
    """
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if b"qemu-system" not in command or f".{environment}.devbox".encode() not in command:
                continue
            mappings = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", (folder / "smaps").read_text())
        except OSError:
            continue
        sizes = [
            {line.split()[0]: int(line.split()[1]) for line in text.splitlines() if line.endswith(" kB")}
            for text in mappings
            if text.split()[1:2] == ["rw-p"]
        ]
        found.append(sum(size["Pss:"] for size in sizes if size["Size:"] >= 512 << 10))
    return found


def test_together_they_take_a_third_of_what_booted_machines_take(
    many: Path, cli: Program, tmp_path: Path
) -> None:
    assert len(json.loads(cli.good("-C", many, "status", "--json"))) == COUNT
    clones = ram("many")
    assert len(clones) == COUNT
    alone = project(tmp_path, "booted-alone", 6, 1)
    try:
        cli.good("-C", alone, "up", "--cold", "--yes")
        booted = ram("booted-alone")
    finally:
        cli.good("-C", alone, "destroy", "--yes")
    assert sum(clones) / COUNT <= booted[0] / 3


def test_each_is_itself(many: Path, cli: Program) -> None:
    told = [text.split("\n") for text in each(cli, many, TOLD)]
    assert [lines[0] for lines in told] == [f"m{number}" for number in range(COUNT)]
    for line in range(4):
        assert len({lines[line] for lines in told}) == COUNT


def test_all_can_talk(many: Path, cli: Program) -> None:
    names = " ".join(f"m{number}" for number in range(COUNT))
    reached = f"for name in {names}; do ping -q -c 1 -W 20 $name >/dev/null || echo $name; done"
    assert "".join(each(cli, many, reached)) == ""
