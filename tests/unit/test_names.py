"""Names at the door: what may become a host name, a file name, a variable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devbox.reading.names import as_label, label, near, playbook, variable


@pytest.mark.parametrize("name", ["api", "a", "glance-dev", "2nd", "a" * 63])
def test_host_names(name: str) -> None:
    assert label(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "a b", "a\n", "a" * 64, "ä", "1", "all"]
)
def test_no_host_names(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        label(name)


@settings(deadline=None)
@given(st.text())
def test_a_proposal_is_empty_or_well_formed(text: str) -> None:
    proposal = as_label(text)
    assert proposal == "" or re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", proposal)
    assert as_label(proposal) == proposal


@pytest.mark.parametrize(
    "text, proposal",
    [("My Project", "my-project"), ("Café_2", "cafe-2"), ("--x--", "x"), ("日本", ""), ("a" * 70, "a" * 63)],
)
def test_proposals(text: str, proposal: str) -> None:
    assert as_label(text) == proposal


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", "a b", "a\n", "x.yml", "a.b", "x" * 101])
def test_no_playbooks(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        playbook(name)


@pytest.mark.parametrize("name", ["", "1a", "a-b", "a.b", "class", "a b", "ä", "a\n"])
def test_no_variables(name: str) -> None:
    with pytest.raises(ValueError, match="variable name"):
        variable(name)


@pytest.mark.parametrize(
    "word, known, end",
    [
        ("Debian12", ["debian-12", "debian-13"], "; did you mean 'debian-12'?"),
        ("x", ["debian-12", "alpine"], "; there are alpine, debian-12"),
        ("x", ["debian-12"], "; there is debian-12"),
        ("x", [], "; there is none yet"),
        ("x", [f"box{number:02}" for number in range(14)], "box11 and 2 more"),
    ],
)
def test_what_is_near(word: str, known: list[str], end: str) -> None:
    assert near(word, known).endswith(end)
