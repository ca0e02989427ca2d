"""Which of the user's variables a playbook can see the value of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.provision.variables import that_matter

# Few and short names, so that texts hit them, and names within names, often.
NAMES = st.text("ab_", min_size=1, max_size=3)
TEXTS = st.text("ab_ {}.\n", max_size=12)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
VARIABLES = st.dictionaries(NAMES, VALUES, max_size=6)


def test_a_variable_counts_where_its_name_is_a_word() -> None:
    variables = {"port": 1, "por": 2, "ports": 3, "my_port": 4, "gone": 5}
    assert that_matter(["listen = {{ port }}\n"], variables) == {"port": 1}
    assert that_matter(["glance_port: '{{ my_port|int }}'"], variables) == {"my_port": 4}


def test_what_a_variable_names_counts_too() -> None:
    variables = {
        "source": {"git": "{{ mirror }}/glance", "{{ kind }}": True},
        "kind": "ref",
        "mirror": ["{{ scheme }}://host"],
        "scheme": "https",
        "unused": "{{ unseen }}",
        "unseen": 1,
    }
    assert set(that_matter(["{{ source }}"], variables)) == {"source", "mirror", "scheme", "kind"}


def test_a_value_of_several_lines_names_the_variable_at_the_lines_start() -> None:
    assert set(that_matter(["{{ text }}"], {"text": "first\nother", "other": 1})) == {"text", "other"}


def test_variables_that_name_each_other_end() -> None:
    variables = {"one": "{{ two }}", "two": "{{ one }}"}
    assert that_matter(["{{ one }}"], variables) == variables
    assert that_matter(["nothing"], variables) == {}


@pytest.mark.parametrize(
    "text",
    [
        "{{ lookup('vars', 'glance_' ~ name) }}",
        '{{ query( "ansible.builtin.vars", *names) }}',
        "{{ q('varnames', '^glance_') }}",
        "{{ vars['glance_' ~ name] }}",
        "{{ vars.get(name) }}",
        "{{ hostvars[inventory_hostname] }}",
        "{{ hostvars.values() | list }}",
        "{% for name in vars %}",
        "{{ vars | dict2items }}",
        "with_vars: [a]",
        "value = task_vars[name]",
    ],
)
def test_where_names_are_computed_all_variables_count(text: str) -> None:
    variables = {"a_long_way_off": 1, "b": "{{ nothing }}"}
    assert that_matter([text], variables) == variables
    assert that_matter(["{{ indirect }}"], {**variables, "indirect": text}) == {**variables, "indirect": text}


@pytest.mark.parametrize(
    "text",
    ["vars:\n  [a, b]", "vars: |\n", "include_vars: vars.yml", "vars_files: [x]", "lookup('file', 'vars')"],
)
def test_the_word_vars_alone_computes_no_name(text: str) -> None:
    assert that_matter([text], {"unseen": 1}) == {}


def test_what_ansible_itself_reads_counts_with_all_that_it_names() -> None:
    variables = {"ansible_python_interpreter": "{{ python }}", "python": "/usr/bin/python3", "other": 1}
    assert set(that_matter([], variables)) == {"ansible_python_interpreter", "python"}


@given(st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3), VARIABLES)
def test_more_text_never_takes_a_variable_away(
    texts: list[str], more: list[str], variables: dict[str, object]
) -> None:
    assert that_matter(texts, variables).items() <= that_matter([*texts, *more], variables).items()


@given(st.lists(TEXTS, max_size=3), VARIABLES, NAMES, VALUES)
def test_another_variable_never_takes_one_away(
    texts: list[str], variables: dict[str, object], name: str, value: object
) -> None:
    others = {other: kept for other, kept in variables.items() if other != name}
    assert set(that_matter(texts, others)) <= set(that_matter(texts, {**others, name: value}))


@given(st.lists(TEXTS, max_size=3), VARIABLES)
def test_a_variable_counts_only_where_its_name_occurs(texts: list[str], variables: dict[str, object]) -> None:
    everywhere = set(
        re.findall(r"\w+", " ".join([*texts, *map(repr, variables.values())]).replace("\\n", " "))
    )
    directly = set(re.findall(r"\w+", " ".join(texts))) & set(variables)
    assert directly <= set(that_matter(texts, variables)) <= everywhere


@given(st.data(), st.lists(TEXTS, max_size=3), VARIABLES)
def test_no_order_matters(data: st.DataObject, texts: list[str], variables: dict[str, object]) -> None:
    mixed = dict(data.draw(st.permutations(list(variables.items()))))
    assert that_matter(data.draw(st.permutations(texts)), mixed) == that_matter(texts, variables)


@given(st.lists(TEXTS, max_size=3), VARIABLES)
def test_what_counts_is_closed(texts: list[str], variables: dict[str, object]) -> None:
    counted = that_matter(texts, variables)
    assert that_matter(texts, counted) == counted
