"""A stand-in for RPM distributions: a small root of Debian's programs, dressed as Fedora or CentOS.

Nothing of the real distribution is in it but what tests put there: its name, and tiny packages with freshly
typed files at the distribution's paths. What is real is what looks at them: rpm, dnf, createrepo_c and
rpmbuild (Debian's packages of them) and Ansible's modules. EL6 and Fedora up to 21 had yum, for which dnf
stands in too.

The root is a folder. bubblewrap shows it as `/`, with the host's programs below `/host`, and needs no rights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devbox import process
from devbox.provision import callback
from devbox.provision.settings import MITOGEN, mitogen_strategies

_CHECKOUT = Path(callback.__file__).parents[3]
_PLAYBOOKS = _CHECKOUT / "playbooks"

# Debian's own package manager is not among them, so that nothing takes the machine for a Debian.
_PROGRAMS = (
    *(
        "[",
        "awk",
        "basename",
        "bash",
        "cat",
        "chmod",
        "chown",
        "cp",
        "cut",
        "date",
        "dirname",
        "dnf",
        "dnf-3",
    ),
    *(
        "env",
        "expr",
        "false",
        "find",
        "getent",
        "grep",
        "head",
        "hostname",
        "id",
        "ln",
        "ls",
        "mkdir",
        "mktemp",
    ),
    *(
        "mv",
        "nproc",
        "ps",
        "pwd",
        "python3",
        "readlink",
        "realpath",
        "rm",
        "rmdir",
        "rpm",
        "rpmdb",
        "rpmkeys",
    ),
    *("sed", "sh", "sleep", "sort", "stat", "sync", "tail", "tee", "test", "touch", "tr", "true", "uname"),
    *("uniq", "wc", "whoami", "xargs"),
)
_LIBRARIES = ("lib/locale", "lib/python3", "lib/rpm", f"lib/{sys.implementation._multiarch}", "lib64")

# What runs as another user is the same user here: a stand-in has one.
SUDO = """\
#!/bin/sh
while [ "$1" != /bin/sh ] && [ "$1" != -- ]; do shift; done
[ "$1" != -- ] || shift
exec "$@"
"""

_DNF = """\
[main]
plugins=0
reposdir=/etc/yum.repos.d
"""
_REPOSITORY = """\
[local]
name=local
baseurl=file:///repository
gpgcheck=0
"""


@dataclass(frozen=True)
class Distribution:
    """What a machine says of itself; `release` is the text of /etc/redhat-release."""

    package: str
    version: str
    release: str
    os_release: Mapping[str, str]


FEDORA_19 = Distribution(
    "fedora-release",
    "19",
    "Fedora release 19 (Schrödinger\u2019s Cat)",
    {"NAME": "Fedora", "VERSION": "19 (Schrödinger\u2019s Cat)", "ID": "fedora", "VERSION_ID": "19"},
)
FEDORA_20 = Distribution(
    "fedora-release",
    "20",
    "Fedora release 20 (Heisenbug)",
    {"NAME": "Fedora", "VERSION": "20 (Heisenbug)", "ID": "fedora", "VERSION_ID": "20"},
)
# EL6 is older than os-release.
CENTOS_6 = Distribution("centos-release", "6.5", "CentOS release 6.5 (Final)", {})
CENTOS_STREAM_9 = Distribution(
    "centos-stream-release",
    "9.0",
    "CentOS Stream release 9",
    {
        "NAME": "CentOS Stream",
        "VERSION": "9",
        "ID": "centos",
        "ID_LIKE": "rhel fedora",
        "VERSION_ID": "9",
        "PLATFORM_ID": "platform:el9",
    },
)


@dataclass(frozen=True)
class Package:
    """A package to build: `files` has texts by absolute path; one that begins with `#!` is a program."""

    name: str
    version: str
    files: Mapping[str, str] = field(default_factory=dict)
    release: str = "1"
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    configuration: bool = False  # its files are %config(noreplace)

    def spec(self) -> str:
        """The spec file; rpmbuild is to guess no dependencies and to compile nothing."""
        relations = [
            f"{kind}: {what}"
            for kind, several in (
                ("Requires", self.requires),
                ("Provides", self.provides),
                ("Conflicts", self.conflicts),
            )
            for what in several
        ]
        mark = "%config(noreplace) " if self.configuration else ""
        lines = [
            f"Name: {self.name}",
            f"Version: {self.version}",
            f"Release: {self.release}",
            "Summary: a stand-in",
            "License: Apache-2.0",
            "BuildArch: noarch",
            "AutoReqProv: no",
            *relations,
            "%description",
            "A stand-in.",
            "%install",
            'mkdir -p "%{buildroot}"',
            f'cp -a "%{{_sourcedir}}/{self.name}-{self.version}/." "%{{buildroot}}"',
            "%files",
            *(mark + path for path in sorted(self.files)),
        ]
        return "\n".join(lines) + "\n"


def release(distribution: Distribution) -> Package:
    """The package that makes a machine one of this distribution."""
    texts = {"/etc/redhat-release": distribution.release + "\n"}
    if distribution.os_release:
        lines = [f'{key}="{value}"\n' for key, value in distribution.os_release.items()]
        texts["/etc/os-release"] = "".join(lines)
    if distribution.package.startswith("centos"):
        texts["/etc/centos-release"] = distribution.release + "\n"
    else:
        texts["/etc/fedora-release"] = distribution.release + "\n"
    major = distribution.version.partition(".")[0]
    return Package(
        distribution.package,
        distribution.version,
        texts,
        provides=[f"system-release = {distribution.version}", f"system-release({major})"],
    )


def build(packages: Iterable[Package], folder: Path) -> Path:
    """Build packages and a repository of them in a new folder, which is returned."""
    sources, repository = folder / "sources", folder / "repository"
    repository.mkdir(parents=True)
    for package in packages:
        tree = sources / f"{package.name}-{package.version}"
        write(tree, package.files)
        tree.mkdir(parents=True, exist_ok=True)
        spec = tree.with_name(f"{tree.name}.spec")
        spec.write_text(package.spec())
        defines = {
            "_topdir": folder / "build",
            "_sourcedir": sources,
            "_rpmdir": repository,
            "_dbpath": folder / "database",
            "__os_install_post": "%{nil}",
            "debug_package": "%{nil}",
        }
        words = [word for name, value in defines.items() for word in ("--define", f"{name} {value}")]
        process.run(["rpmbuild", "-bb", "--quiet", *words, spec], timeout=60)
    process.run(["createrepo_c", "--quiet", repository], timeout=60)
    return repository


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write texts by absolute path below a folder."""
    for path, text in files.items():
        target = folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(0o755 if text.startswith("#!") else 0o644)


@dataclass(frozen=True)
class Played:
    """What a playbook said: its exit status, devbox's events of it, its output for who reads a failure."""

    status: int
    events: Sequence[Mapping[str, Any]]
    output: str

    @property
    def changed(self) -> list[str]:
        """The tasks that changed something, or would have."""
        return [event["task"] for event in self.events if event["event"] == "ok" and event["changed"]]

    @property
    def outcomes(self) -> dict[str, str]:
        """Workaround to outcome: `applied`, `found` or `not found`."""
        return {event["name"]: event["outcome"] for event in self._workarounds}

    @property
    def reasons(self) -> dict[str, str]:
        return {event["name"]: event["reason"] for event in self._workarounds}

    @property
    def _workarounds(self) -> list[Mapping[str, Any]]:
        return [event for event in self.events if event["event"] == "workaround"]


class Machine:
    """A root folder that programs see as `/`."""

    def __init__(self, root: Path, repository: Path) -> None:
        self.root, self.repository = root, repository
        _furnish(root)

    def path(self, absolute: str) -> Path:
        return self.root / absolute.lstrip("/")

    def install(self, *names: str) -> None:
        self.run("dnf", "-y", "-q", "install", *names)

    def run(self, *words: str | Path) -> str:
        return process.run([*self._enter(), *words], timeout=120)

    def play(
        self, tasks: Sequence[Mapping[str, Any]], *flags: str, facts: bool = False, **variables: Any
    ) -> Played:
        """Run tasks in the machine by Ansible's local connection, with devbox's roles and modules."""
        playbook = [{"hosts": "all", "gather_facts": facts, "vars": variables, "tasks": list(tasks)}]
        self.path("/play/site.yml").write_text(json.dumps(playbook))
        words = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", "machine,", "-c", "local", "/play/site.yml", *flags),
        ]
        events, ear = os.pipe()
        with os.fdopen(events, encoding="utf-8") as told:
            try:
                program = subprocess.Popen(
                    [*self._enter(DEVBOX_EVENTS=str(ear)), *words],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    pass_fds=[ear],
                )
            finally:
                os.close(ear)
            # What Ansible prints is far less than a pipe holds.
            lines = [json.loads(line) for line in told]
        output, _ = program.communicate(timeout=300)
        return Played(program.returncode, lines, output)

    def work_around(self, names: Sequence[str], *flags: str, **variables: Any) -> Played:
        """Run the role `workarounds` over entries of devbox's catalogue."""
        role = {"ansible.builtin.include_role": {"name": "workarounds"}}
        return self.play([role], *flags, workarounds_names=list(names), **variables)

    def _enter(self, **environment: str) -> list[str]:
        variables = {
            "PATH": "/usr/sbin:/usr/bin",
            "HOME": "/root",
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(_CHECKOUT),
            "ANSIBLE_ROLES_PATH": str(_PLAYBOOKS / "roles"),
            "ANSIBLE_LIBRARY": str(_PLAYBOOKS / "library"),
            "ANSIBLE_MODULE_UTILS": str(_PLAYBOOKS / "module_utils"),
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(callback.__file__).parent),
            "ANSIBLE_CALLBACKS_ENABLED": "devbox_events",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STRATEGY": MITOGEN,
            "ANSIBLE_STRATEGY_PLUGINS": str(mitogen_strategies()),
            **environment,
        }
        settings = [word for item in variables.items() for word in ("--setenv", *item)]
        shown = {Path(sys.prefix), Path(sys.base_prefix), _CHECKOUT} - {Path("/usr")}
        return [
            *("bwrap", "--die-with-parent", "--clearenv", *settings),
            *("--unshare-all", "--as-pid-1", "--uid", "0", "--gid", "0", "--cap-add", "ALL"),
            *("--bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
            *("--ro-bind", "/usr", "/host/usr", "--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache"),
            *("--ro-bind", str(self.repository), "/repository"),
            *(word for path in sorted(shown) for word in ("--ro-bind", str(path), str(path))),
            # Ansible takes process 1 for the service manager, unless it is a shell.
            *("--chdir", "/root", "--", "/bin/sh", "-c", '"$@"; exit $?', "sh"),
        ]


def _furnish(root: Path) -> None:
    folders = (
        *("etc/yum.repos.d", "etc/dnf", "etc/rpm", "etc/init.d", "var/lib/rpm", "var/log", "var/cache"),
        *("run", "root", "play", "opt", "usr/bin", "usr/sbin", "usr/lib", "usr/share", "usr/local"),
    )
    for folder in folders:
        (root / folder).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    interpreter = Path("/usr/bin/python3").resolve().name
    for place in [*(f"bin/{name}" for name in [*_PROGRAMS, interpreter]), *_LIBRARIES, f"lib/{interpreter}"]:
        if Path("/usr", place).exists():
            (root / "usr" / place).parent.mkdir(parents=True, exist_ok=True)
            (root / "usr" / place).symlink_to(f"/host/usr/{place}")
    write(
        root,
        {
            "/usr/bin/sudo": SUDO,
            "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
            "/etc/group": "root:x:0:\n",
            "/etc/rpm/macros": "%_dbpath /var/lib/rpm\n",  # Debian's rpm keeps it in the user's home
            "/etc/dnf/dnf.conf": _DNF,
            "/etc/yum.repos.d/local.repo": _REPOSITORY,
        },
    )
