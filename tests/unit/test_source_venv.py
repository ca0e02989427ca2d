"""The role source_venv, run for real on this host in folders of its own, up to where it refuses."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pwd
import re
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devbox.paths import shipped
from devbox.provision.settings import MITOGEN, PLAIN, ansible_environment, mitogen_strategies

pytestmark = pytest.mark.integration

Arguments = Mapping[str, object]

PYPROJECT = '[project]\nname = "thing"\nversion = "1"\n'
REQUIREMENTS = "no-such-thing\n"
APT = '#!/bin/sh\necho "E: Unable to locate package $#" >&2\nexit 100\n'

REFUSED: dict[str, tuple[Arguments, list[str]]] = {
    "kind": ({"source_venv_source": {"svn": "x"}}, ["source_venv_source.svn"]),
    "none": ({"source_venv_source": {}}, ["'thing'", "'pypi: NAME'", "'git: URL'", "'path: FOLDER'"]),
    "two": ({"source_venv_source": {"pypi": "a", "git": "b"}}, ["'thing'", '"pypi": "a"', "exactly one"]),
    "detail": ({"source_venv_source": {"pypi": "a", "ref": "b"}}, ["'thing'", "'ref' goes with 'git'"]),
    "option": ({"source_venv_source": {"pypi": "-e evil"}}, ["'thing'", "-e evil"]),
    "variables": (
        {"source_venv_source": {"pypi": "a"}, "source_venv_sorce": 1, "source_venv_ex": []},
        ['"source_venv_ex", "source_venv_sorce"', "'thing'", "README.md"],
    ),
    "family": (
        {"source_venv_source": {"pypi": "a"}, "source_venv_packages": {"Debain": ["git"]}},
        ["'Debain'", "'thing'", "'Debian' or 'RedHat'"],
    ),
    "package": (
        {"source_venv_source": {"pypi": "bare"}, "source_venv_packages": {"Debian": ["no-such-package"]}},
        ["'thing' (no-such-package) can't be installed: E: Unable to locate"],
    ),
    "folder": ({"source_venv_source": {"path": "./nowhere"}}, ["'./nowhere'", "no folder"]),
    "project": ({"source_venv_source": {"pypi": "no-such-thing"}}, ["'no-such-thing'", "'thing'"]),
    "version": ({"source_venv_source": {"pypi": "bare", "version": "7"}}, ["'bare==7'", "'thing'"]),
    "wheel": ({"source_venv_source": {"pypi": "wheelish"}}, ["'wheelish'", "'thing'", "wheels only"]),
    "requirements": (
        {"source_venv_source": {"pypi": "bare"}},
        ["'thing'", '"bare"', "requirements.txt, test-requirements.txt is missing"],
    ),
    "repository": (
        {"source_venv_source": {"git": "/nowhere/at/all"}},
        ["'thing'", "/nowhere/at/all", "checked out"],
    ),
}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A package index with 'bare', whose source distribution lacks requirements, and some empty wheels."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "files").mkdir()
    write_sdist(folder / "files" / "bare-1.tar.gz")
    for name in ("wheelish", "pip", "setuptools", "wheel"):  # the latter are what a virtualenv begins with
        write_wheel(folder / "files" / f"{name}-1-py3-none-any.whl", name)
    for file in (folder / "files").iterdir():
        page = folder / "simple" / file.name.partition("-")[0] / "index.html"
        page.parent.mkdir(parents=True)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        page.write_text(f'<a href="/files/{file.name}#sha256={digest}">{file.name}</a>')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def write_sdist(file: Path) -> None:
    described = {
        "PKG-INFO": "Metadata-Version: 2.2\nName: bare\nVersion: 1\n",
        "pyproject.toml": PYPROJECT.replace("thing", "bare"),
    }
    with tarfile.open(file, "w:gz") as archive:
        for name, text in described.items():
            member = tarfile.TarInfo(f"bare-1/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def write_wheel(file: Path, name: str) -> None:
    described = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{name}-1.dist-info/{file},," for file in (*described, "RECORD")]
    with zipfile.ZipFile(file, "w") as archive:
        for part, text in {**described, "RECORD": "\n".join(record)}.items():
            archive.writestr(f"{name}-1.dist-info/{part}", text)


@dataclass(frozen=True)
class Hosts:
    """Names that all mean this host, each with a folder of its own in place of /opt."""

    root: Path
    index: str

    def run(self, arguments: Mapping[str, Arguments], *options: str) -> dict[str, str]:
        """Give the role to all hosts at once, and return why each of them failed."""
        named = {host: {"source_venv_name": "thing", **given} for host, given in arguments.items()}
        inventory, site = self.root / "hosts.json", self.root / "site.json"
        inventory.write_text(json.dumps({"all": {"hosts": named, "vars": self.variables()}}))
        play = {"hosts": "all", "gather_facts": False, "roles": ["source_venv"]}
        site.write_text(json.dumps([play]))
        done = subprocess.run(
            # -e is stronger than the role's own folders, which an inventory is not
            [
                *(sys.executable, "-m", "ansible.cli.playbook", "-i", str(inventory)),
                *("-e", json.dumps(self.folders()), *options, str(site)),
            ],
            cwd=self.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert "PLAY RECAP" in done.stdout, done.stdout + done.stderr
        return dict(failures(done.stdout))

    def variables(self) -> dict[str, object]:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/usr/bin/python3",
            "source_venv_owner": pwd.getpwuid(os.getuid()).pw_name,
            "devbox_project": str(self.root),
        }

    def folders(self) -> dict[str, object]:
        tool = self.root / "tool" / "bin" / "uv"
        if not tool.exists():
            tool.parent.mkdir(parents=True)
            tool.symlink_to(Path(sys.executable).with_name("uv"))
        return {
            "ansible_become": False,
            "source_venv_sources": f"{self.root}/{{{{ inventory_hostname }}}}/source",
            "source_venv_envs": f"{self.root}/{{{{ inventory_hostname }}}}/venv",
            "source_venv_tool": str(tool.parents[1]),
        }

    def environment(self) -> dict[str, str]:
        fake = self.root / "bin" / "apt-get"
        fake.parent.mkdir(exist_ok=True)
        fake.write_text(APT)
        fake.chmod(0o755)
        settings = ansible_environment(
            project=self.root,
            state=self.root / "ansible",
            role_folders=[shipped("playbooks") / "roles"],
            strategy=MITOGEN if mitogen_strategies() else PLAIN,
        )
        return {
            **os.environ,
            **{name: value for name, value in settings.items() if "CALLBACKS_ENABLED" not in name},
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "PIP_INDEX_URL": self.index,
            "PIP_EXTRA_INDEX_URL": "",
            "PATH": f"{fake.parent}:{os.environ['PATH']}",
        }

    def tree(self, folder: str, *, requirements: bool) -> Path:
        made = self.root / folder
        made.mkdir()
        (made / "pyproject.toml").write_text(PYPROJECT)
        if requirements:
            (made / "requirements.txt").write_text(REQUIREMENTS)
        return made

    def left(self, host: str) -> list[str]:
        """What is in the host's folders of sources and virtualenvs, hidden files too."""
        return sorted(str(path.relative_to(self.root / host)) for path in (self.root / host).glob("*/*"))


def failures(output: str) -> Iterator[tuple[str, str]]:
    """The last message of each host whose run a task stopped."""
    for match in re.finditer(r"^fatal: \[(\w+)[^\]]*\]: FAILED! => ", output, re.MULTILINE):
        result, _ = json.JSONDecoder().raw_decode(output, match.end())
        yield match[1], str(result["msg"])


@pytest.fixture
def hosts(tmp_path: Path, index: str) -> Hosts:
    return Hosts(tmp_path, index)


@pytest.fixture(scope="module")
def refused(index: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Hosts, dict[str, str]]:
    """All that is refused, in one run: a start of Ansible takes longer than most of its tasks."""
    hosts = Hosts(tmp_path_factory.mktemp("hosts"), index)
    return hosts, hosts.run({name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_installed_is_named_and_leaves_nothing(
    name: str, refused: tuple[Hosts, dict[str, str]]
) -> None:
    hosts, said = refused
    message = said.get(name, "it did not fail")
    assert [word for word in REFUSED[name][1] if word not in message] == [], message
    assert hosts.left(name) == []


def test_a_tree_without_requirements_does_not_take_the_place_of_a_good_one(hosts: Hosts) -> None:
    hosts.tree("good", requirements=True)
    hosts.tree("bad", requirements=False)
    wanted = {"source_venv_requirements": ["requirements.txt"]}
    machines = ("one", "two")
    good = hosts.run({name: {**wanted, "source_venv_source": {"path": "./good"}} for name in machines})
    for name in machines:
        assert "requirements of 'thing' (requirements.txt) can't be installed" in good[name]
        assert "no-such-thing" in good[name]
    before = hosts.left("one")
    assert "source/thing" in before
    bad = {"one": {"path": "./bad"}, "two": {"pypi": "bare"}}
    said = hosts.run({name: {**wanted, "source_venv_source": source} for name, source in bad.items()})
    for name in machines:
        assert "requirements.txt is missing" in said[name]
        assert hosts.left(name) == before
        assert (hosts.root / name / "source" / "thing" / "requirements.txt").read_text() == REQUIREMENTS


def test_check_mode_refuses_too_and_installs_nothing(hosts: Hosts) -> None:
    sources = {"good": {"pypi": "bare"}, "bad": {"svn": "x"}}
    said = hosts.run({name: {"source_venv_source": source} for name, source in sources.items()}, "--check")
    assert list(said) == ["bad"]
    assert "source_venv_source.svn" in said["bad"]
    assert not (hosts.root / "good").exists()


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=me", "-c", "user.email=me@localhost", "-c", "init.defaultBranch=good"]
    argv = ["git", *identity, "-C", str(folder), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_a_branch_without_requirements_leaves_the_checkout_where_it_was(hosts: Hosts) -> None:
    upstream = hosts.tree("upstream", requirements=True)
    git(upstream, "init", "-q")
    git(upstream, "add", ".")
    git(upstream, "commit", "-qm", "good")
    git(upstream, "checkout", "-qb", "bad")
    git(upstream, "rm", "-q", "requirements.txt")
    git(upstream, "commit", "-qm", "bad")

    def run(**refs: str) -> dict[str, str]:
        wanted = {"source_venv_requirements": ["requirements.txt"], "source_venv_packages": {}}
        address = {"git": f"file://{upstream}"}
        return hosts.run(
            {name: {**wanted, "source_venv_source": {**address, "ref": ref}} for name, ref in refs.items()}
        )

    said = run(one="bad", two="none", three="good", four="good")
    assert "requirements.txt is missing" in said["one"]
    assert "can't be checked out" in said["two"]
    assert (hosts.left("one"), hosts.left("two")) == ([], [])
    said = run(three="bad", four="none")
    assert "requirements.txt is missing" in said["three"]
    assert "can't be checked out" in said["four"]
    for name in ("three", "four"):
        checkout = hosts.root / name / "source" / "thing"
        assert git(checkout, "rev-parse", "HEAD") == git(upstream, "rev-parse", "good")
        assert (checkout / "requirements.txt").exists()
