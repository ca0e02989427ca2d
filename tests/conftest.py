"""What all tests share: the guard of the unit tests, and homes for those that boot machines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from leftovers import Leftovers, remains_of_dead_sessions

from devbox.paths import Home

_OUTSIDE = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "subprocess.Popen",
    }
)


class Outside(BaseException):
    """A unit test left its process; no `except Exception` on the way may hide that."""


class Guard:
    """Forbids processes and connections while a unit test runs, by the interpreter's own audit events.

    Nothing is replaced, so what a test sees is the real thing; an audit hook stays for good, which is
    why it is installed once and switched.
    """

    def __init__(self) -> None:
        self.on = False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event in _OUTSIDE:
            raise Outside(f"a unit test must not do '{event}' {args!r}; mark it 'integration' or 'vm'")


_guard = Guard()


@pytest.fixture(autouse=True)
def _stay_inside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Guard every test that is marked neither integration nor vm."""
    marks = {mark.name for mark in request.node.iter_markers()}
    _guard.on = not marks & {"integration", "vm"}
    yield
    _guard.on = False


def pytest_configure() -> None:
    # Whatever forgets to name its home must not find the user's own.
    os.environ["DEVBOX_HOME"] = "/nonexistent/devbox"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: the classes install OpenStack services."""
    items.sort(key=lambda item: getattr(item, "cls", None) is None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="session")
def shared_home(request: pytest.FixtureRequest) -> Iterator[Home]:
    """A home whose images, layers and templates outlive the session; all else must be gone at its end."""
    kept = Path(os.environ.get("DEVBOX_TEST_HOME") or Path.home() / ".cache" / "devbox-tests")
    for remains in remains_of_dead_sessions(kept):
        remains.remove()
    home = Home(kept / str(os.getpid()))
    home.root.mkdir(mode=0o700, parents=True)
    for shared in (home.images, home.layers, home.templates, home.staging, home.locks):
        (kept / shared.name).mkdir(mode=0o700, exist_ok=True)
        shared.symlink_to(kept / shared.name)
    yield home
    leftovers = Leftovers(home)
    found = leftovers.found()
    leftovers.remove()
    # After a failed test remains are expected and would only hide the failure.
    assert request.session.testsfailed or not found, f"the tests left behind: {found}"


@dataclass(frozen=True)
class Ran:
    """How a run of the program ended."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Program:
    """The installed `devbox`, as a user runs it."""

    home: Home

    @property
    def path(self) -> Path:
        return Path(sys.executable).with_name("devbox")

    def environment(self) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {**mine, "DEVBOX_HOME": str(self.home.root), "NO_COLOR": "1"}

    def __call__(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 1200,
    ) -> Ran:
        """Run it to its end; ``env`` adds to the environment."""
        done = subprocess.run(
            [self.path, *words],
            cwd=cwd,
            env={**self.environment(), **(env or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *words: str | Path, cwd: Path | None = None) -> subprocess.Popen[str]:
        """Start it and return at once, for tests that interrupt it."""
        return subprocess.Popen(
            [self.path, *words],
            cwd=cwd,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def good(self, *words: str | Path, cwd: Path | None = None, timeout: float = 1200) -> str:
        """Its standard output; the test fails with all it said when it did not end with 0."""
        ran = self(*words, cwd=cwd, timeout=timeout)
        assert ran.status == 0, (
            f"devbox {' '.join(map(str, words))}: {ran.status}\n{ran.stdout}\n{ran.stderr}"
        )
        return ran.stdout


@pytest.fixture
def cli(shared_home: Home) -> Program:
    return Program(shared_home)


@pytest.fixture
def cli_in(home: Home) -> Program:
    """The program with a home of this test alone, for what needs no image."""
    return Program(home)


@pytest.fixture
def write_project(tmp_path: Path) -> Callable[[str], Path]:
    """Write a devbox.yml and return its folder."""

    def write(text: str) -> Path:
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "devbox.yml").write_text(text)
        return folder

    return write
