"""What is published: the wheel's contents, and locks that pin everything and name no index."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from devbox import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCKS = [ROOT / "requirements.lock", ROOT / "requirements-build.lock"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in a wheel built from this tree, without the network."""
    to = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", to, ROOT], check=True, capture_output=True)
    [built] = to.glob("*.whl")
    return zipfile.ZipFile(built).namelist()


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["boxes", "playbooks", "templates"])
def test_a_wheel_carries_all_that_a_checkout_has(wheel: list[str], kind: str) -> None:
    files = [path for path in (ROOT / kind).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert files
    assert {f"devbox/shipped/{path.relative_to(ROOT)}" for path in files} <= set(wheel)


@pytest.mark.integration
def test_a_wheel_carries_the_program_and_no_tests(wheel: list[str]) -> None:
    assert "devbox/cli/__init__.py" in wheel
    assert not [name for name in wheel if name.startswith(("tests/", "bench/", "scripts/"))]


@pytest.mark.integration
def test_a_wheel_carries_nothing_compiled(wheel: list[str]) -> None:
    assert not [name for name in wheel if "__pycache__" in name or name.endswith(".pyc")]


def test_the_version_is_one() -> None:
    assert PROJECT["project"]["version"] == __version__


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_names_no_index(lock: Path) -> None:
    assert not re.findall(r"://|--(?:extra-)?index-url|--find-links", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_everything_by_digest(lock: Path) -> None:
    text = lock.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines
    assert not [line for line in lines if "==" not in line or "--hash=sha256:" not in line]


def test_the_locks_agree() -> None:
    pins = [set(re.findall(r"^(\S+==\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS]
    assert pins[1] <= pins[0]


def test_the_lock_has_every_requirement() -> None:
    groups = PROJECT["dependency-groups"]
    asked = [*PROJECT["project"]["dependencies"], *groups["build"], *groups["dev"]]
    names = {re.split(r"[<>=~! ]", one)[0].lower().replace("_", "-") for one in asked}
    pinned = set(re.findall(r"^(\S+)==", LOCKS[0].read_text(), re.MULTILINE))
    assert names <= pinned
