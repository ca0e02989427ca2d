"""What the module `settings` does to a text: the key, and nothing but the key."""

from __future__ import annotations

import configparser
import re
import shlex
from typing import Any

import ansible.module_utils
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.paths import shipped

ansible.module_utils.__path__.append(str(shipped("playbooks") / "module_utils"))

from ansible.module_utils.settings_edit import edit, read, syntax  # noqa: E402
from ansible.module_utils.settings_lines import Unusable  # noqa: E402


def change(
    text: str,
    form: Any,
    values: dict[str, Any] | None = None,
    append: dict[str, list[str]] | None = None,
    base: dict[str, str] | None = None,
    **more: bool,
) -> str:
    chosen = syntax(form) if isinstance(form, str) else form
    after, _ = edit(text, chosen, values or {}, append or {}, base or {}, **more)
    assert isinstance(after, str)
    return after


def problems(text: str, form: Any, values: dict[str, Any] | None = None, **more: Any) -> str:
    with pytest.raises(Unusable) as caught:
        change(text, form, values, **more)
    return "\n".join(caught.value.problems)


NOVA = """\
[DEFAULT]
# The driver; see the manual.
#compute_driver = <None>
my_ip=10.0.0.1
debug = True

[libvirt]
virt_type = kvm
# end
"""


class TestIni:
    def test_a_value_is_replaced_and_keeps_its_spacing(self) -> None:
        assert change(NOVA, "ini", {"my_ip": "10.0.0.2", "debug": "false"}) == NOVA.replace(
            "my_ip=10.0.0.1\ndebug = True", "my_ip=10.0.0.2\ndebug = false"
        )

    def test_a_new_key_goes_below_its_commented_out_default(self) -> None:
        after = change(NOVA, "ini", {"compute_driver": "docker.DockerDriver"})
        assert after == NOVA.replace("<None>\n", "<None>\ncompute_driver = docker.DockerDriver\n")

    def test_a_new_key_goes_after_the_last_of_its_section(self) -> None:
        after = change(NOVA, "ini", {"state_path": "/var/lib/nova"})
        assert after == NOVA.replace("debug = True\n", "debug = True\nstate_path = /var/lib/nova\n")

    def test_a_section_that_is_not_there_is_made_at_the_end(self) -> None:
        after = change(NOVA, syntax("ini", "docker"), {"registry_default_port": "5042"})
        assert after == NOVA + "\n[docker]\nregistry_default_port = 5042\n"

    def test_an_empty_file_gets_its_section(self) -> None:
        assert change("", "ini", {"a": "1"}) == "[DEFAULT]\na = 1\n"

    def test_a_last_line_without_an_end_is_no_harm(self) -> None:
        assert change("[DEFAULT]\na = 1", "ini", {"b": "2"}) == "[DEFAULT]\na = 1\nb = 2"
        assert change("[x]\na = 1", "ini", {"b": "2"}) == "[x]\na = 1\n\n[DEFAULT]\nb = 2\n"

    def test_an_empty_value_gets_the_space_that_stands_before_it(self) -> None:
        assert change("[DEFAULT]\na =\nb=\n", "ini", {"a": "1", "b": "2"}) == "[DEFAULT]\na = 1\nb=2\n"

    def test_only_its_own_section_is_looked_at(self) -> None:
        text = "[a]\nhost = 1\n[b]\nhost = 2\n[a]\nport = 3\n"
        assert change(text, syntax("ini", "b"), {"host": "9"}) == text.replace("host = 2", "host = 9")
        assert change(text, syntax("ini", "a"), {"port": "9"}) == text.replace("port = 3", "port = 9")

    def test_a_value_over_several_lines_is_one_value(self) -> None:
        text = "[DEFAULT]\na = 1,\n    2,\n    3\nb = 4\n"
        assert read(text, syntax("ini")) == {"a": ["1,\n2,\n3"], "b": ["4"]}
        assert change(text, "ini", {"a": "5"}) == "[DEFAULT]\na = 5\nb = 4\n"

    def test_a_list_writes_a_line_for_each_item_where_the_first_one_stood(self) -> None:
        text = "[DEFAULT]\nfilter = a\nb = 4\n"
        after = change(text, "ini", {"filter": ["x", "y", "z"]})
        assert after == "[DEFAULT]\nfilter = x\nfilter = y\nfilter = z\nb = 4\n"
        assert change(after, "ini", {"filter": ["x"]}) == "[DEFAULT]\nfilter = x\nb = 4\n"

    def test_null_removes(self) -> None:
        assert change(NOVA, "ini", {"my_ip": None, "absent": None}) == NOVA.replace("my_ip=10.0.0.1\n", "")

    def test_bytes_that_are_no_utf8_stay(self) -> None:
        text = b"[DEFAULT]\n# caf\xe9\na = 1\n".decode("utf-8", "surrogateescape")
        after = change(text, "ini", {"a": "ü"})
        assert after.encode("utf-8", "surrogateescape") == b"[DEFAULT]\n# caf\xe9\na = \xc3\xbc\n"


class TestAppend:
    BASE = {"container_formats": "ami,ari,aki,bare,ovf,ova"}  # noqa: RUF012 - nobody changes it

    def test_to_what_is_there(self) -> None:
        text = "[DEFAULT]\ncontainer_formats = ami, bare\n"
        after = change(text, "ini", append={"container_formats": ["docker", "ami"]}, base=self.BASE)
        assert after == "[DEFAULT]\ncontainer_formats = ami, bare, docker\n"

    def test_to_what_the_program_takes_where_nothing_is_there(self) -> None:
        text = "[DEFAULT]\n#container_formats=ami,ari\n"
        after = change(text, "ini", append={"container_formats": ["docker"]}, base=self.BASE)
        assert after == text + "container_formats = ami,ari,aki,bare,ovf,ova,docker\n"

    def test_to_an_empty_value(self) -> None:
        assert change("a=\n", "plain", append={"a": ["x", "y"]}) == "a=x,y\n"

    def test_what_is_there_already_is_left_as_it_is(self) -> None:
        text = "a= x ,y,\n"
        assert change(text, "plain", append={"a": ["y", "x"]}) == text

    def test_nothing_is_guessed(self) -> None:
        assert "'append_base' has no value" in problems("b=1\n", "plain", append={"a": ["x"]})
        assert "only a shell knows" in problems("A=$B\n", "sysconfig", append={"A": ["x"]})
        assert "given twice" in problems("a=1\n", "plain", {"a": "2"}, append={"a": ["x"]})
        assert "comma" in problems("a=1\n", "plain", append={"a": ["x,y"]})


class TestAnswers:
    TEXT = "[general]\n\n# 'y' or 'n'\nCONFIG_NEUTRON_INSTALL=y\n\n# Others\nEXCLUDE_SERVERS=\n"

    def test_keys_are_found_whatever_their_case(self) -> None:
        after = change(self.TEXT, "answers", {"config_neutron_install": "n", "EXCLUDE_SERVERS": "10.0.0.9"})
        assert after == self.TEXT.replace("=y", "=n").replace("SERVERS=", "SERVERS=10.0.0.9")

    def test_every_key_that_is_missing_is_named(self) -> None:
        found = problems(self.TEXT, "answers", {"A": "1", "EXCLUDE_SERVERS": "x", "B": "2"}, new_keys=False)
        assert found == "it lacks the key 'A'\nit lacks the key 'B'"

    def test_what_is_no_answer_file_is_refused(self) -> None:
        assert "no section [general]" in problems("[other]\nA=1\n", "answers", {"A": "2"})

    def test_packstack_has_no_lists(self) -> None:
        assert "which only 'ini' can hold" in problems(self.TEXT, "answers", {"A": ["1", "2"]})


class TestPlain:
    def test_the_shipped_brokers_file(self) -> None:
        text = "# Broker\n#auth=no\ncluster-mechanism=DIGEST-MD5 ANONYMOUS\n"
        after = change(text, "plain", {"auth": "yes", "cluster-mechanism": None})
        assert after == "# Broker\n#auth=no\nauth=yes\n"


class TestSysconfig:
    @pytest.mark.parametrize(
        "line, value, after",
        [
            ("A=1", "2", "A=2"),
            ("A=1", "a b", 'A="a b"'),
            ("A='1'", "a b", "A='a b'"),
            ("A='1'", "don't", 'A="don\'t"'),
            ('A="1"', 'a "b" $c', 'A="a \\"b\\" \\$c"'),
            ("A=", "", "A="),
            ("A=1 # why", "2", "A=2 # why"),
            ("A=1; export A", "2", "A=2; export A"),
            ("export A=1", "2", "export A=2"),
            ("  A=1", "2", "  A=2"),
            ('A="1\n2"', "3", 'A="3"'),
            ("A=1\nA=2", "3", "A=3\nA=3"),
            ("A=$B", "$B", "A='$B'"),
            ("A='$B'", "$B", "A='$B'"),
            ("A=a\\ b", "a b", "A=a\\ b"),
            ('A="a\\$b"', "a$b", 'A="a\\$b"'),
        ],
    )
    def test_set(self, line: str, value: str, after: str) -> None:
        text = f"# top\n{line}\nB='x y' # z\n"
        assert change(text, "sysconfig", {"A": value}) == f"# top\n{after}\nB='x y' # z\n"

    def test_a_new_key_goes_to_the_end_and_not_into_an_if(self) -> None:
        text = "if [ -f /etc/x ]; then\n  A=1\nfi\n"
        assert change(text, "sysconfig", {"B": "2"}) == text + "B=2\n"

    def test_exported_as_asked(self) -> None:
        text = "A=1\nexport B=2\n"
        assert change(text, syntax("sysconfig", export=True), {"A": "1", "B": "2", "C": "3"}) == (
            "export A=1\nexport B=2\nexport C=3\n"
        )
        assert change(text, syntax("sysconfig", export=False), {"B": "2"}) == "A=1\nB=2\n"

    def test_exported_with_its_value(self) -> None:
        text = "A=$B/c # d\nexport B='x y'\nC=1\nA=2\n"
        form = syntax("sysconfig", export=True)
        after, changed = edit(text, form, {}, {}, {}, keep=["A", "absent"])
        assert (after, changed) == ("export A=$B/c # d\nexport B='x y'\nC=1\nexport A=2\n", ["A"])
        without = syntax("sysconfig", export=False)
        assert edit(text, without, {}, {}, {}, keep=["B"])[0] == text.replace("export ", "")
        with pytest.raises(Unusable, match="given twice"):
            edit(text, form, {"A": "1"}, {}, {}, keep=["A"])
        with pytest.raises(Unusable, match="shell assignments"):
            edit(text, syntax("plain"), {}, {}, {}, keep=["A"])

    @pytest.mark.parametrize("line", ["A=$(hostname -f)", "A=`id`", "A=1 program", "A='open", "A=(1 2)"])
    def test_what_only_a_shell_understands_is_refused_where_it_would_be_changed(self, line: str) -> None:
        text = f"B=1\n{line}\n"
        assert "line 2 assigns 'A'" in problems(text, "sysconfig", {"A": "2"})
        assert change(text, "sysconfig", {"B": "2"}) == f"B=2\n{line}\n"

    def test_a_line_that_does_more_is_not_removed(self) -> None:
        assert "line 1 does more" in problems("A=1; export A\n", "sysconfig", {"A": None})
        assert change("A=1 # note\nB=2\n", "sysconfig", {"A": None}) == "B=2\n"


class TestRefused:
    @pytest.mark.parametrize("form", ["ini", "answers", "sysconfig", "plain"])
    def test_windows_line_ends(self, form: str) -> None:
        text = "[general]\nA=1\r\nB=2\r\n"
        assert problems(text, form, {"A": "2"}) == "it has Windows line ends, the first on line 2"

    @pytest.mark.parametrize("text", ["A=1\0\n", "\ufeffA=1\n"])
    def test_what_is_no_plain_text(self, text: str) -> None:
        assert "no plain text" in problems(text, "plain", {"A": "2"})

    @pytest.mark.parametrize("form", ["ini", "answers", "sysconfig", "plain"])
    def test_every_mistake_at_once(self, form: str) -> None:
        found = problems("[general]\n", form, {"a\nb": "1", "": "2", "OK": "x\ny", "#c": "3"})
        assert [name for name in ("'a\nb'", "''", "'OK'", "'#c'") if name not in found] == []

    def test_white_space_that_would_be_lost(self) -> None:
        assert "white space" in problems("", "ini", {"a": " x"})
        assert change("", "sysconfig", {"A": " x"}) == 'A=" x"\n'


# Property tests: any file of such lines, any value.

_KEYS = ("alpha", "bravo", "charlie")
_VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
_STRIPPED = _VALUES.map(str.strip)
_COMMENTS = ["", "# alpha: the first", ";bravo", "#", "   ", "no assignment", "caf\udce9"]


def _ini_line(key: str, value: str, spacing: str) -> str:
    return f"{key}{spacing}{value}"


_ASSIGNED = st.builds(_ini_line, st.sampled_from(_KEYS), _STRIPPED, st.sampled_from(["=", " = ", ": ", " ="]))
_INI = st.lists(
    st.one_of(st.sampled_from([*_COMMENTS, "[DEFAULT]", "[general]", "[b]"]), _ASSIGNED), max_size=12
)
_SHELL = st.lists(
    st.one_of(
        st.sampled_from(["# alpha", "", "export bravo=2", "charlie='a b' # c", 'alpha="x$y"', "  alpha=1"]),
        st.builds(lambda key, value: f"{key}={shlex.quote(value)}", st.sampled_from(_KEYS), _VALUES),
    ),
    max_size=10,
)


def others(text: str, key: str) -> list[str]:
    return [line for line in text.split("\n") if not line.lstrip().removeprefix("export ").startswith(key)]


@given(_INI, st.sampled_from(["DEFAULT", "general", "b"]), st.sampled_from(_KEYS), _STRIPPED)
def test_ini_set_then_get(lines: list[str], section: str, key: str, value: str) -> None:
    text = "\n".join(["[general]", *lines, ""])
    form = syntax("ini", section)
    after, changed = edit(text, form, {key: value}, {}, {})
    assert read(after, form)[key] == [value]
    assert edit(after, form, {key: value}, {}, {}) == (after, [])
    assert changed == ([key] if after != text else [])
    kept = others(after, key)
    added = ["", f"[{section}]"] if f"[{section}]" not in text.split("\n") else []
    expected = others(text, key)
    assert kept == [*expected[:-1], *added, expected[-1]]
    for other in (name for name in ("DEFAULT", "general", "b") if name != section):
        assert read(after, syntax("ini", other)) == read(text, syntax("ini", other))


@given(st.dictionaries(st.sampled_from(_KEYS), _STRIPPED), st.sampled_from(_KEYS), _STRIPPED)
def test_packstacks_own_reader_sees_what_was_set(there: dict[str, str], key: str, value: str) -> None:
    text = "[general]\n" + "".join(f"\n# what it is\n{name}={old}\n" for name, old in there.items())
    after = change(text, "answers", {key: value})
    reader = configparser.RawConfigParser()
    reader.read_string(after)
    assert dict(reader["general"]) == {**there, key: value}


@given(_SHELL, st.sampled_from(_KEYS), _VALUES, st.sampled_from([None, True, False]))
def test_sysconfig_set_then_get(lines: list[str], key: str, value: str, export: bool | None) -> None:
    text = "\n".join([*lines, ""])
    form = syntax("sysconfig", export=export)
    after, _ = edit(text, form, {key: value}, {}, {})
    assert set(read(after, form)[key]) == {value}
    assert edit(after, form, {key: value}, {}, {}) == (after, [])
    assert others(after, key) == others(text, key)
    written = [line for line in after.split("\n") if line not in others(after, key)]
    for line in written:
        if not re.search(r"\\[$`]", line):  # shlex does not know that these are escaped in double quotes too
            assert f"{key}={value}" in shlex.split(line, comments=True)
        assert export is None or line.lstrip().startswith("export ") == export


@given(_INI, st.sampled_from(_KEYS))
def test_removed_is_gone_and_nothing_else(lines: list[str], key: str) -> None:
    text = "\n".join(["[general]", *lines])
    after = change(text, syntax("ini", "general"), {key: None})
    assert key not in read(after, syntax("ini", "general"))
    assert others(after, key) == others(text, key)
