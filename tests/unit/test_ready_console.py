"""Consoles made fit to read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devbox.guest.console import clean, last_line, tail


def test_escapes_and_titles_vanish() -> None:
    raw = (
        "\x1b[2J\x1b[01;01H\x1b[=3h\x1b]0;api\x07[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mx\x1b[0m.\r\n"
    )
    assert clean(raw) == "[  OK  ] Started x.\n"


def test_half_an_escape_vanishes_with_the_other_half() -> None:
    assert (
        clean("Failed to start ssh.servic…[0m - OpenBSD\n[0m stays")
        == "Failed to start ssh.servic… - OpenBSD\n[0m stays"
    )


def test_a_line_that_was_written_over_shows_its_last_state() -> None:
    assert clean("10%\r50%\r100%\r\nnext") == "100%\nnext"


def test_the_tail_skips_empty_lines() -> None:
    text = "\n".join(f"line {number}\n\r\n" for number in range(50))
    assert tail(text).splitlines() == [f"line {number}" for number in range(30, 50)]
    assert tail(text, 1) == "line 49"


def test_nothing_has_no_last_line() -> None:
    assert last_line("") == ""
    assert last_line("\x1b[2J\r\n\n") == ""
    assert last_line("one\r\n  two  \r\n\r\n") == "two"


@given(st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet="\x1b[]0;m\r\n\x07ab\x00\x9b"))
def test_nothing_is_left_that_could_act_on_a_terminal(raw: str) -> None:
    assert all(character.isprintable() or character == "\n" for character in clean(raw))


@given(st.text(alphabet="abc \n"))
def test_plain_text_stays(raw: str) -> None:
    assert clean(raw).split("\n") == [line.rstrip() for line in raw.split("\n")]
