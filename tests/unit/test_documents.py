"""Reading YAML with its places: what counts as what, and that a wrong file is BadInput and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from devbox.errors import BadInput, Mistake
from devbox.reading.documents import Document, dotted, quoted, read
from devbox.reading.documents.nodes import FASTEST, compose
from devbox.reading.documents.scalars import resolve

# one temporary folder serves all examples of a property
SHARED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def document(folder: Path, text: str) -> Document:
    file = folder / "some.yml"
    file.write_text(text)
    return read(file)


def mistakes_in(action: Callable[[], object]) -> list[Mistake]:
    """The mistakes that an action raises; none where it succeeds."""
    try:
        action()
    except BadInput as error:
        return error.mistakes
    return []


@pytest.mark.parametrize(
    "text, value",
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("22:22", "22:22"),  # 1342 in YAML 1.1
        ("2024-01-01", "2024-01-01"),  # a date object in YAML 1.1
        ("10.77.0.10", "10.77.0.10"),
        ("y", "y"),
        ("oN", "oN"),
        ("nobody", "nobody"),
        ("1_a", "1_a"),
    ],
)
def test_plain_scalars(text: str, value: Any) -> None:
    found = resolve(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text", ["yes", "No", "ON", "off", "010", "1_000", ".inf", "-.INF", "1e400", "9" * 41]
)
def test_plain_scalars_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"quotes|write"):
        resolve(text)


def test_quotes_make_texts(tmp_path: Path) -> None:
    read_back = document(tmp_path, "a: 'yes'\nb: \"12\"\nc: |\n  010\n")
    assert read_back.root == {"a": "yes", "b": "12", "c": "010\n"}
    assert read_back.mistakes == ()


def test_keys_are_texts(tmp_path: Path) -> None:
    assert document(tmp_path, "1: a\nno: b\n~: c\n").root == {"1": "a", "no": "b", "~": "c"}


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    found = document(tmp_path, "# caption\n\na:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n")
    lines = {where: place.line for where, place in found.places.items()}
    assert lines == {
        (): 3,
        ("a",): 3,
        ("a", "b"): 4,
        ("a", "c"): 5,
        ("a", "c", 0): 6,
        ("a", "c", 1): 7,
        ("a", "c", 1, "d"): 7,
    }


def test_what_was_not_written_is_placed_at_what_is_around_it(tmp_path: Path) -> None:
    found = document(tmp_path, "a:\n  b: 1\n")
    assert str(found.mistake(("a", "z", 0), "wrong")) == f"{tmp_path}/some.yml:1: a.z[0]: wrong"


def test_anchors_and_merges(tmp_path: Path) -> None:
    text = "a: &a {x: 1, y: [1, 2]}\nb: *a\nc:\n  <<: [{y: 0}, *a]\n  z: 3\n  x: 9\nd: {<<: *a}\n"
    found = document(tmp_path, text)
    assert found.root["b"] == {"x": 1, "y": [1, 2]}
    assert found.root["c"] == {"z": 3, "x": 9, "y": 0}
    assert found.root["d"] == found.root["a"]
    assert found.places["c", "x"].line == 6
    assert found.places["d", "x"].line == 1


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "some.yml").write_bytes(b"\xef\xbb\xbfname: x\r\n")
    assert read(tmp_path / "some.yml").root == {"name": "x"}


def test_mistakes_that_leave_the_rest_readable(tmp_path: Path) -> None:
    found = document(tmp_path, "a: 1\na: 2\nb: !!int 3\nc: yes\n")
    assert found.root == {"a": 1, "b": 3, "c": "yes"}
    assert [mistake.line for mistake in found.mistakes] == [3, 2, 4]


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "some.yml")
    with pytest.raises(BadInput) as raised:
        read(tmp_path / "some.yml")
    assert "not a file" in raised.value.details


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "some.yml").write_text("a: 1\n")
    (tmp_path / "some.yml").chmod(0)
    with pytest.raises(BadInput) as raised:
        read(tmp_path / "some.yml")
    assert "not allowed" in raised.value.details


def test_a_long_name_and_a_loop_of_links_are_the_users_mistakes(tmp_path: Path) -> None:
    (tmp_path / "loop.yml").symlink_to("loop.yml")
    for name in ("loop.yml", "x" * 300 + ".yml"):
        with pytest.raises(BadInput) as raised:
            read(tmp_path / name)
        assert "can't be read" in raised.value.details


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: [x, 'y', {c: \"d\"}]\n",
        "a: &x {b: 1}\nc: *x\nd: !t z\n",
        "a: |\n  one\n  two\n? b\n: !!str c\n",
    ],
)
def test_both_parsers_read_the_same(text: str) -> None:
    file = Path("some.yml")
    assert compose(file, text, yaml.SafeLoader) == compose(file, text, FASTEST)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, FASTEST])
def test_both_parsers_blame_the_tab(loader: Any) -> None:
    with pytest.raises(BadInput) as raised:
        compose(Path("some.yml"), "a:\n  b: 1\n\tc: 2\n", loader)
    assert raised.value.details == "some.yml:3: the line is indented with a tab; YAML wants spaces"


@pytest.mark.parametrize(
    "where, shown",
    [(("machines", "api", "ports", 0), "machines.api.ports[0]"), (("vars", "a.b"), "vars.'a.b'"), ((), "")],
)
def test_dotted(where: tuple[str | int, ...], shown: str) -> None:
    assert dotted(where) == shown


@settings(deadline=None)
@given(st.text())
def test_quoted_is_one_short_printable_line(text: str) -> None:
    assert quoted(text).isprintable()
    assert len(quoted(text)) <= 60 * 10 + 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcno", min_size=1, max_size=5), inner)
    ),
    max_leaves=8,
)


@SHARED
@given(st.dictionaries(st.text("abcno", min_size=1, max_size=5), JSON, min_size=1))
def test_what_was_dumped_reads_the_same(tmp_path: Path, value: dict[str, Any]) -> None:
    found = document(tmp_path, yaml.safe_dump(value, allow_unicode=True, width=10_000))
    assert found.root == value
    assert found.mistakes == ()


@SHARED
@given(st.binary(max_size=300))
@example(b"\xff\xfe\0")
@example(b"a: &a [*a]\n? [x]\n: 1\n")
@example(b"%TAG ! tag:example.com,2000:\n---\na: !x\n")
@example(b"? ? ? ?\n")
@example(b'a: "\\uD800"\n')
@example(b"- *\n")
def test_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "some.yml"
    file.write_bytes(content)
    mistakes = mistakes_in(lambda: read(file))
    assert {mistake.file for mistake in mistakes} <= {file}


@SHARED
@given(st.text(st.sampled_from("ab:1-?[]{}&*!|>'\"#%@`,~<\n\t \\u"), max_size=60))
def test_what_looks_like_yaml_is_read_or_refused(tmp_path: Path, text: str) -> None:
    test_bytes_are_read_or_refused.hypothesis.inner_test(tmp_path, text.encode())  # type: ignore[attr-defined]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab:1-?[]{}'\"#,\n "), max_size=60))
def test_a_mistake_never_lies_outside_the_file(text: str) -> None:
    mistakes = mistakes_in(lambda: compose(Path("some.yml"), text))
    assert all(0 <= mistake.line <= text.count("\n") + 2 for mistake in mistakes)
