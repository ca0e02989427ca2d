"""What doctor says, from facts alone."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from devbox.doctor import CHECKS, Finding, HostFacts, Level, checks, examine
from devbox.doctor.facts import Apt, Rootless, SshConfig
from devbox.doctor.gather import parse_subuids, parse_version
from devbox.doctor.packages import PROGRAMS, Family, family, install_command
from devbox.doctor.ssh_include import includes, mending_command
from devbox.guest.trust import Authorities
from devbox.host import Accelerator, Kind, Memory
from devbox.units import Size

GIB = 2**30
INCLUDE = "Include /home/me/.local/share/devbox/ssh/config"
GOOD = HostFacts(
    home=Path("/home/me/.local/share/devbox"),
    user="me",
    root=False,
    family=Family.DEBIAN,
    python=(3, 11, 2),
    programs={program.name: f"/usr/bin/{program.name}" for program in PROGRAMS},
    room=Size(50 * GIB),
    memory=Memory(total=Size(16 * GIB), free=Size(8 * GIB)),
    qemu_version=(7, 2, 22),
    accelerator=Accelerator(Kind.KVM, "A test guest ran with kvm."),
    kvm_device=True,
    kvm_usable=True,
    apt=Apt(keyrings=("debian-archive-keyring.gpg",)),
    authorities=Authorities(pem=("PEM",)),
    environ={"http_proxy": "http://p:1", "https_proxy": "http://p:1", "no_proxy": "x"},
    ssh=SshConfig(Path("/home/me/.ssh/config"), INCLUDE, f"{INCLUDE}\n", "/usr/bin/ssh"),
)


def without(*names: str) -> dict[str, str | None]:
    return {name: None if name in names else path for name, path in GOOD.programs.items()}


def test_on_a_good_host_all_is_well() -> None:
    assert [finding for finding in examine(GOOD) if finding.level is not Level.OK] == []


def test_nothing_to_take_over_is_well_too() -> None:
    found = examine(replace(GOOD, environ={}, authorities=Authorities(), collisions=()))
    assert {finding.level for finding in found} == {Level.OK}


TCG = Accelerator(Kind.TCG, "Machines are emulated.")
USERNS = "sudo tee /etc/sysctl.d/60-devbox.conf"

# A check, what is different from a good host, how bad that is, and words of the sentence and command.
CASES: list[tuple[Callable[[HostFacts], Finding], dict[str, Any], Level, str, str]] = [
    (checks.python, {"python": (3, 10, 9)}, Level.PROBLEM, "Python 3.10.9 is too old", "python3.11"),
    (
        checks.programs,
        {"programs": without("mmdebstrap", "qemu-img")},
        Level.PROBLEM,
        "'qemu-img' (needed to make disks); 'mmdebstrap' (needed to build images)",
        "sudo apt-get install --yes --no-install-recommends mmdebstrap qemu-utils",
    ),
    (checks.programs, {"programs": without("git")}, Level.WARNING, "'git'", "install --yes"),
    (checks.programs, {"programs": without("git"), "family": Family.OTHER}, Level.WARNING, "'git'", ""),
    (
        checks.programs,
        {"programs": without("ssh"), "family": Family.FEDORA, "root": True},
        Level.PROBLEM,
        "'ssh'",
        "dnf install --assumeyes openssh-clients",
    ),
    (
        checks.qemu,
        {"programs": without("qemu-system-x86_64")},
        Level.PROBLEM,
        "not installed",
        "qemu-system-x86",
    ),
    (checks.qemu, {"qemu_version": ()}, Level.PROBLEM, "does not tell", "qemu-system-x86_64 --version"),
    (checks.qemu, {"qemu_version": (5, 2, 0)}, Level.WARNING, "QEMU 5.2.0 is older", ""),
    (checks.accelerator, {"accelerator": None}, Level.WARNING, "Without QEMU", ""),
    (checks.accelerator, {"accelerator": TCG}, Level.WARNING, "several times slower", ""),
    (
        checks.accelerator,
        {"accelerator": TCG, "kvm_usable": False},
        Level.WARNING,
        "Machines are emulated.",
        "sudo usermod --append --groups kvm me",
    ),
    (
        checks.accelerator,
        {"accelerator": TCG, "kvm_usable": False, "kvm_device": False},
        Level.WARNING,
        "slower",
        "",
    ),
    (checks.libvirt, {"libvirt": "The daemon died."}, Level.PROBLEM, "The daemon died.", ""),
    (
        checks.libvirt,
        {"programs": without("libvirtd")},
        Level.PROBLEM,
        "not installed",
        "libvirt-daemon libvirt-daemon-driver-qemu",
    ),
    (
        checks.rootless,
        {"rootless": Rootless(namespaces=False, why="Operation not permitted")},
        Level.PROBLEM,
        "Operation not permitted",
        "",
    ),
    (
        checks.rootless,
        {"rootless": Rootless(namespaces=False, apparmor=True)},
        Level.PROBLEM,
        "AppArmor",
        USERNS,
    ),
    (checks.rootless, {"rootless": Rootless(subuids=0)}, Level.PROBLEM, "0 subordinate ids", "--add-subuids"),
    (checks.rootless, {"rootless": Rootless(subuids=0), "root": True}, Level.OK, "User namespaces work", ""),
    (checks.apt, {"apt": Apt(sources=False)}, Level.WARNING, "No apt source", ""),
    (checks.apt, {"apt": Apt()}, Level.PROBLEM, "No archive keyring", "debian-archive-keyring"),
    (checks.apt, {"apt": Apt(), "family": Family.FEDORA}, Level.OK, "mmdebstrap's defaults", ""),
    (checks.room, {"room": Size(GIB)}, Level.PROBLEM, "Only 1.0 GiB are free in '/home/me", "devbox gc"),
    (checks.room, {"room": Size(5 * GIB)}, Level.WARNING, "5.0 GiB", "devbox gc"),
    (
        checks.memory,
        {"memory": Memory(Size(16 * GIB), Size(GIB // 2))},
        Level.PROBLEM,
        "0.5 GiB of 16.0 GiB memory are free",
        "",
    ),
    (checks.memory, {"memory": Memory(Size(4 * GIB), Size(2 * GIB))}, Level.WARNING, "Few machines", ""),
    (checks.ports, {"loopback": False}, Level.PROBLEM, "127.0.0.1 only", "sudo ip address add"),
    (
        checks.ports,
        {"lowest_port": 4096},
        Level.PROBLEM,
        "Ports below 4096",
        "ip_unprivileged_port_start=1024",
    ),
    (
        checks.networks,
        {"collisions": ("It overlaps.",), "networks": (IPv4Network("10.77.0.0/23"),)},
        Level.PROBLEM,
        "It overlaps. In devbox.yml, 'network: {cidr: 10.77.2.0/24}' is free.",
        "",
    ),
    (
        checks.networks,
        {"collisions": ("It overlaps.",), "networks": (IPv4Network("10.0.0.0/8"),)},
        Level.PROBLEM,
        "172.16.0.0/24",
        "",
    ),
    (
        checks.certificates,
        {"authorities": Authorities(("A", "B"), ("'/x.crt' is broken.",))},
        Level.WARNING,
        "take over 2 certificate authorities of this host. Left out: '/x.crt' is broken.",
        "",
    ),
    (
        checks.proxies,
        {"environ": {"http_proxy": "http://p:1"}},
        Level.WARNING,
        "'https_proxy' is not",
        'export https_proxy="$http_proxy"',
    ),
    (checks.proxies, {"environ": {"HTTP_PROXY": "http://p:1"}}, Level.WARNING, "'https_proxy' is not", ""),
    (
        checks.proxies,
        {"environ": {"https_proxy": "http://p:1", "HTTPS_PROXY": "http://q:1"}},
        Level.WARNING,
        "'https_proxy': small and capital",
        "",
    ),
    (checks.proxies, {"environ": {"no_proxy": "x"}}, Level.OK, "No proxy is set", ""),
    (checks.ssh_config, {"programs": without("ssh")}, Level.WARNING, "'devbox ssh' does not work", ""),
    (
        checks.ssh_config,
        {"ssh": SshConfig(Path("/home/me/.ssh/config"), INCLUDE)},
        Level.WARNING,
        "does not include",
        f"mkdir -p -m 700 /home/me/.ssh && echo '{INCLUDE}' >> /home/me/.ssh/config",
    ),
]


@pytest.mark.parametrize("check, differing, level, words, command", CASES)
def test_each_check_finds_what_is_wrong(
    check: Callable[[HostFacts], Finding], differing: dict[str, Any], level: Level, words: str, command: str
) -> None:
    found = check(replace(GOOD, **differing))
    assert found.level is level
    assert words in found.sentence
    assert (command in found.command) if command else found.command == ""


@pytest.mark.parametrize("check, differing, level, words, command", CASES)
def test_root_needs_no_sudo(
    check: Callable[[HostFacts], Finding], differing: dict[str, Any], level: Level, words: str, command: str
) -> None:
    found = check(replace(GOOD, **(differing | {"root": True})))
    assert "sudo" not in re.split(r"\W+", found.command)


def test_every_check_has_its_cases_and_its_own_name() -> None:
    assert {check for check, *_ in CASES} == set(CHECKS)
    names = [finding.name for finding in examine(GOOD)]
    assert len(set(names)) == len(CHECKS)


def test_findings_are_json_and_sentences() -> None:
    worst = replace(GOOD, programs=dict.fromkeys(GOOD.programs), room=Size(0), accelerator=None)
    for finding in examine(worst):
        assert json.loads(json.dumps(finding.as_json()))["level"] in ("ok", "warning", "problem")
        assert finding.sentence.endswith(".")
        assert shlex.split(finding.command) is not None
        assert "\n" not in finding.command


@pytest.mark.parametrize(
    "os_release, expected",
    [
        ('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', Family.DEBIAN),
        ("ID=ubuntu\nID_LIKE=debian\n", Family.DEBIAN),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", Family.DEBIAN),
        ("ID=fedora\n", Family.FEDORA),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', Family.FEDORA),
        ("ID=alpine\n", Family.OTHER),
        ("", Family.OTHER),
    ],
)
def test_families(os_release: str, expected: Family) -> None:
    assert family(os_release) is expected


def test_packages_are_named_once() -> None:
    assert install_command(Family.DEBIAN, ["b a", "a"], root=True).endswith(" a b")
    for program in PROGRAMS:
        assert set(program.packages) == {Family.DEBIAN, Family.FEDORA}


@pytest.mark.parametrize(
    "text, found",
    [
        (f"{INCLUDE}\n", True),
        (f"  include={INCLUDE.split()[1]}\nHost x\n", True),
        (f'Include other "{INCLUDE.split()[1]}" # ours\n', True),
        (f"User me\n\n{INCLUDE}\nHost *\n  User x\n", True),
        (f"Host x\n  User y\n{INCLUDE}\n", False),
        (f"Match all\n{INCLUDE}\n", False),
        (f"# {INCLUDE}\n", False),
        ("Include ~/elsewhere\n", False),
        ('Include "half\n', False),
        ("", False),
    ],
)
def test_an_include_counts_before_the_first_block(text: str, found: bool) -> None:
    assert includes(text, INCLUDE) is found


def test_an_include_may_start_at_home() -> None:
    assert includes("Include ~/d/ssh/config\n", f"Include {Path.home()}/d/ssh/config")
    assert includes("Include d/config\n", f"Include {Path.home()}/.ssh/d/config")


def test_the_include_goes_first_into_a_file_with_content() -> None:
    config = SshConfig(Path("/home/a b/.ssh/config"), 'Include "/x y"', "Host z\n")
    assert shlex.split(mending_command(config)) == [
        "sed",
        "-i",
        '1i Include "/x y"',
        "/home/a b/.ssh/config",
    ]


def test_subordinate_ids_add_up() -> None:
    text = "me:100000:65536\nyou:165536:1\n1000:300000:10\nbroken\nme:x:y\n"
    assert parse_subuids(text, "me", 1000) == 65546
    assert parse_subuids(text, "nobody", 7) == 0


@pytest.mark.parametrize(
    "text, version",
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)", (7, 2, 22)),
        ("QEMU emulator version 9.1", (9, 1)),
        ("none", ()),
    ],
)
def test_versions(text: str, version: tuple[int, ...]) -> None:
    assert parse_version(text) == version
