"""Talking with a program, and how it ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from devbox import process

pytestmark = pytest.mark.integration

PARROT = """import sys
for line in sys.stdin:
    print(line.upper(), end="", flush=True)
    print("heard", file=sys.stderr)
"""
WARDEN = Path(process.__file__).parent / "hostbake" / "warden.py"


def test_lines_go_both_ways_and_complaints_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with process.conversation([sys.executable, "-c", PARROT], log) as partner:
        partner.say("one\n")
        assert partner.hear() == "ONE"
        partner.hang_up()
    assert partner.child.returncode == 0
    assert log.read_text() == "heard\n"


def test_one_that_ends_is_heard_as_silence(tmp_path: Path) -> None:
    with process.conversation([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log") as partner:
        partner.say("anybody?\n" * 10_000)
        assert partner.hear() == ""
    assert partner.child.returncode == 3


def test_an_error_ends_it(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyError),
        process.conversation([sys.executable, "-c", PARROT], tmp_path / "log") as partner,
    ):
        raise KeyError
    assert partner.child.returncode == -9


def test_the_warden_takes_the_folder_of_a_caller_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    argv = [sys.executable, "-P", str(WARDEN), str(folder), "sleep", "1000"]
    with process.conversation(argv, tmp_path / "log") as partner:
        partner.hang_up()
    assert not folder.exists()


def test_the_warden_leaves_the_folder_to_a_caller_that_is_there(tmp_path: Path) -> None:
    argv = [sys.executable, "-P", str(WARDEN), str(tmp_path), "true"]
    with process.conversation(argv, tmp_path / "log") as partner:
        assert partner.hear() == ""
    assert tmp_path.is_dir()
