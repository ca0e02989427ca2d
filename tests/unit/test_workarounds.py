"""The catalogue of workarounds: its own mistakes, and which entry a pasted text belongs to."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from devbox.errors import BadInput, Refused
from devbox.workarounds.catalogue import find, folders_of, known_names, load_catalogue
from devbox.workarounds.entry import Affects, Distribution, Entry, Status
from devbox.workarounds.symptoms import explain

Put = Callable[..., Path]

BROKER = "Bad argument: |cluster-mechanism=DIGEST-MD5 ANONYMOUS|"

GOOD = """\
summary: The broker refuses its own file
symptoms: ["Bad argument: |cluster-mechanism=*|"]
explanation: The packaged file has an option that the broker lacks.
references: [https://bugs.example.org/1]
affects: {families: [RedHat], packages: {qpid-cpp-server: ">=0.20, <0.30"}}
status: historical
retire: When nobody runs that broker.
"""


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Write an entry; a change replaces a line's text, and no file of ``without`` is written."""

    def write(name: str, *changes: tuple[str, str], without: str = "", place: str = "one") -> Path:
        folder = tmp_path / place / name
        folder.mkdir(parents=True)
        text = GOOD
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        files = {"workaround.yml": text, "detect.yml": "[]", "fix.yml": "[]", "verify.yml": "[]"}
        for file, content in files.items():
            if file != without:
                (folder / file).write_text(content)
        return folder

    return write


def mistakes(*places: Path) -> list[str]:
    with pytest.raises(BadInput) as caught:
        load_catalogue(places)
    return [f"{one.file.parent.name}:{one.line}: {one.key}: {one.problem}" for one in caught.value.mistakes]


def test_devboxs_own_entries_are_right() -> None:
    entries = load_catalogue(folders_of(Path("/nonexistent")))
    assert {"debian-uwsgi-processes", "qpidd-cluster-mechanism"} <= set(entries)
    assert list(entries) == known_names(Path("/nonexistent"))


def test_each_symptom_of_devboxs_own_entries_leads_to_its_entry() -> None:
    entries = load_catalogue(folders_of(Path("/nonexistent"))).values()
    for one in entries:
        for symptom in one.symptoms:
            found = explain(f"Jul 29 host daemon[1]: {symptom.replace('*', 'x1')} (see log)", entries)
            assert one.name in {each.entry.name for each in found if each.met.whole}, symptom
    assert [each.entry.name for each in explain(BROKER, entries)][:1] == ["qpidd-cluster-mechanism"]


def test_an_entry_is_read_whole(put: Put, tmp_path: Path) -> None:
    folder = put("b-1.4.0-x")
    put("a")
    entries = load_catalogue([tmp_path / "one", tmp_path / "missing"])
    assert list(entries) == ["a", "b-1.4.0-x"]
    entry = entries["b-1.4.0-x"]
    assert entry.folder == folder
    assert entry.symptoms == ("Bad argument: |cluster-mechanism=*|",)
    assert entry.affects == Affects(families=("RedHat",), packages={"qpid-cpp-server": ">=0.20, <0.30"})
    assert entry.status is Status.HISTORICAL


def test_a_projects_own_entry_stands_before(put: Put, tmp_path: Path) -> None:
    put("a", ("The broker", "Our broker"), place="ours")
    put("a", place="theirs")
    entries = load_catalogue([tmp_path / "ours", tmp_path / "theirs"])
    assert [entry.summary for entry in entries.values()] == ["Our broker refuses its own file"]


@pytest.mark.parametrize(
    "before, after, says",
    [
        ("own file\n", "own file.\n", "1: summary: 'The broker refuses its own file.' is no summary"),
        ("summary: The broker refuses its own file\n", "", "1: summary: the key 'summary' is missing"),
        ("symptoms:", "symptom:", "2: symptom: there is no key 'symptom'; did you mean 'symptoms'?"),
        ("cluster-mechanism=*|", "c*", "ok"),
        ('"Bad argument: |cluster-mechanism=*|"', '"* oops *"', "2: symptoms[0]: '* oops *' fits almost any"),
        ('["Bad argument: |cluster-mechanism=*|"]', "[]", "2: symptoms: this list is empty"),
        ("https://bugs.example.org/1", "bug 1", "4: references[0]: 'bug 1' is no URL"),
        (
            '">=0.20, <0.30"',
            "0.20",
            "5: affects.packages.qpid-cpp-server: this must be a text, not the number 0.2",
        ),
        (">=0.20, <0.30", "since 0.20", "5: affects.packages.qpid-cpp-server: 'since 0.20' is no condition"),
        (">=0.20, <0.30", ">=0.20 <0.30", "'>=0.20 <0.30' is no condition"),
        ("{families: [RedHat], packages:", "{package:", "5: affects.package: there is no key 'package'"),
        (
            "RedHat]",
            "RedHat], distributions: [{versions: ['19']}]",
            "distributions[0]: the key 'name' is missing",
        ),
        ('[RedHat], packages: {qpid-cpp-server: ">=0.20, <0.30"}', "[]", "5: affects: this says nothing"),
        ("historical", "old", "6: status: 'old' is no status; there are current, historical"),
        ("broker.\n", "broker\n", "7: retire: 'When nobody runs that broker' is no sentence"),
        (
            "status:",
            "variables: {port: {description: x}}\nstatus:",
            "'port' does not begin with 'workaround_'",
        ),
        ("status:", "variables: {workaround_x: {default: 1}}\nstatus:", "the key 'description' is missing"),
    ],
)
def test_each_mistake_has_its_place(put: Put, tmp_path: Path, before: str, after: str, says: str) -> None:
    put("x", (before, after))
    if says == "ok":
        assert list(load_catalogue([tmp_path / "one"])) == ["x"]
        return
    assert [one for one in mistakes(tmp_path / "one") if says in one], mistakes(tmp_path / "one")


def test_all_mistakes_of_all_entries_are_told_at_once(put: Put, tmp_path: Path) -> None:
    put("a", ("historical", "old"), ("https://", ""), without="fix.yml")
    put("B")
    put("c", without="workaround.yml")
    (tmp_path / "one" / "README.md").write_text("not an entry")
    told = mistakes(tmp_path / "one")
    assert [one.partition(": ")[0] for one in told] == ["B:1", "a:1", "a:4", "a:6", "c:0"]
    assert "there is no 'fix.yml' beside this file" in told[1]


def test_two_entries_may_share_a_variable_but_no_default_of_it(put: Put, tmp_path: Path) -> None:
    line = "variables: {{workaround_x: {{description: x, default: {}}}}}\nstatus:"
    put("a", ("status:", line.format(1)))
    put("b", ("status:", line.format(1)))
    assert len(load_catalogue([tmp_path / "one"])) == 2
    put("c", ("status:", line.format(2)))
    assert mistakes(tmp_path / "one") == [
        "c:6: variables.workaround_x: 'a' gives 'workaround_x' another default"
    ]


def test_an_unknown_name_is_refused_with_the_nearest(put: Put, tmp_path: Path) -> None:
    put("qpidd-mechanism")
    entries = load_catalogue([tmp_path / "one"])
    assert find("qpidd-mechanism", entries).name == "qpidd-mechanism"
    with pytest.raises(Refused, match=r"no workaround 'qpid-mechanism'; did you mean 'qpidd-mechanism'\?$"):
        find("qpid-mechanism", entries)


def test_what_is_affected_is_told_in_lines() -> None:
    affects = Affects(
        ("RedHat",), (Distribution("Fedora", ("18", "19")), Distribution("CentOS")), {"a": "*"}, {"v": "==1"}
    )
    assert affects.lines() == [
        "families: RedHat",
        "distributions: Fedora 18, 19; CentOS",
        "a (any version)",
        "v ==1 on the host",
    ]


def entry(name: str, *symptoms: str) -> Entry:
    return Entry(name, Path(name), "s", symptoms, "e", ("r",), Affects(), Status.CURRENT, "r")


ENTRIES = [
    entry("qpidd", "Bad argument: |cluster-mechanism=*|"),
    entry("qpidd-long", "Error in configuration file /etc/qpid*.conf: Bad argument: |cluster-mechanism=*|"),
    entry("tuned", "/usr/sbin/tuned-adm profile virtual-host returned 2", "DBus call to Tuned daemon failed"),
    entry("user", "Could not find user: '='."),
    entry("stars", "qemu-img*Backing file specified without *format"),
]


LONG = """\
Jul 29 f19 systemd: starting
Jul 29 qpidd[812]: Error in configuration file /etc/qpidd.conf: Bad argument: |cluster-mechanism=DIGEST-MD5 X|
"""


def names(text: str) -> list[str]:
    return [one.entry.name for one in explain(text, ENTRIES)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Bad argument: |cluster-mechanism=DIGEST-MD5 ANONYMOUS|", ["qpidd", "qpidd-long"]),
        (
            "2013-07-29 [Broker] critical Unexpected error: Bad argument: |cluster-mechanism=X| (see log)",
            ["qpidd"],
        ),
        (LONG, ["qpidd-long", "qpidd"]),
        ("BAD ARGUMENT:   |Cluster-Mechanism=x|", ["qpidd"]),
        ("> Bad\n> argument: |cluster-mechanism=x|", ["qpidd"]),
        ("\x1b[31mBad argument:\x1b[0m |cluster-mechanism=x|\r\n", ["qpidd"]),
        ("Bad argument: |ha-mechanism=x|", []),
        ("ERROR : \u201c/usr/sbin/tuned-adm profile virtual-host returned 2\u201d", ["tuned"]),
        ("keystone: Could not find user: `=`. Go away", ["user"]),
        ('Could not find user: "=".', ["user"]),
        ("DBus call to Tuned dae", ["tuned"]),
        ("qemu-img: a.qcow2: Backing file specified without backing format\nDetected", ["stars"]),
        ("error", []),
        ("argument: |", []),
        ("", []),
        ("nothing of this kind\n" * 50, []),
    ],
)
def test_a_pasted_text_finds_its_entry(text: str, expected: list[str]) -> None:
    found = names(text)
    assert found[: len(expected)] == expected
    assert expected or not found


def test_the_entry_that_agrees_most_comes_first_and_says_by_what() -> None:
    log = "DBus call to Tuned daemon failed\n/usr/sbin/tuned-adm profile virtual-host returned 2\n"
    best, *_ = explain(log + "Could not find user: '='.", ENTRIES)
    assert (best.entry.name, best.met.symptom) == (
        "tuned",
        "/usr/sbin/tuned-adm profile virtual-host returned 2",
    )


@pytest.mark.parametrize(
    "text, whole",
    [
        ("Bad argument: |cluster-mechanism=x y|", True),
        ("Bad argument: |cluster-mechanism=x\ny|", False),
        ("argument: |cluster-mechanism=x|", False),
        ("qemu-img: x: Backing file specified without format", True),
        ("qemu-img: x\nBacking file specified without format", False),
    ],
)
def test_a_star_ends_with_its_line(text: str, whole: bool) -> None:
    assert {one.met.whole for one in explain(text, [ENTRIES[0], ENTRIES[4]])} == {whole}


def test_the_end_of_a_long_log_is_what_counts() -> None:
    noise = textwrap.dedent("some line of a log that goes on and on\n") * 20_000
    assert names(f"{noise}Could not find user: '='.") == ["user"]
