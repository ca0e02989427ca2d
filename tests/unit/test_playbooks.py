"""Finding playbooks, and the digest of everything that they bring along."""

from __future__ import annotations

import json
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.paths import shipped
from devbox.provision.brought import Brought, brought_by
from devbox.provision.playbooks import Playbooks
from devbox.units import Size

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return put


def brought(playbook: Path) -> dict[str, str]:
    return brought_by(playbook, [playbook.parent / "roles"])


def machine(bake: tuple[str, ...] = (), provision: tuple[str, ...] = ()) -> MachineSpec:
    size = Size.parse("1GiB")
    return MachineSpec("api", "debian-12", IPv4Address("10.77.0.10"), 1, size, size, bake, provision)


def environment(folder: Path, one: MachineSpec, **variables: object) -> Environment:
    return Environment("try", folder / "devbox.yml", IPv4Network("10.77.0.0/24"), (one,), variables)


def test_the_projects_own_playbook_comes_first(tmp_path: Path, write: Write) -> None:
    own = write("playbooks/glance-run.yml", "# Mine.\n- hosts: all\n")
    playbooks = Playbooks(tmp_path)
    assert playbooks.find("glance-run").file == own
    assert {book.name: book.file for book in playbooks.all()}["glance-run"] == own
    assert playbooks.find("glance-source").file == shipped("playbooks").absolute() / "glance-source.yml"


def test_an_unknown_playbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="There is no playbook 'nope'") as caught:
        Playbooks(tmp_path).find("nope")
    assert str(tmp_path / "playbooks") in caught.value.details


@pytest.mark.parametrize(
    "text, summary",
    [
        ("# Does a thing.\n---\n[]\n", "Does a thing"),
        ("---\n# After the mark\n[]\n", "After the mark"),
        ("---\n- hosts: all\n# too late\n", ""),
        ("", ""),
    ],
)
def test_summary(tmp_path: Path, write: Write, text: str, summary: str) -> None:
    write("playbooks/a.yml", text)
    assert Playbooks(tmp_path).find("a").summary == summary


def test_every_shipped_playbook_says_what_it_does(tmp_path: Path) -> None:
    playbooks = Playbooks(tmp_path).all()
    assert {"glance-source", "glance-run", "keystone-source", "keystone-run"} <= {
        one.name for one in playbooks
    }
    for playbook in playbooks:
        assert playbook.summary
        assert f"hosts: {playbook.name.replace('-', '_')}\n" in playbook.file.read_text()


def test_roles_with_dependencies_and_inclusions_are_brought(write: Write) -> None:
    playbook = write(
        "a.yml", "- hosts: all\n  roles: [{role: one}]\n  tasks:\n  - import_role: {name: two}\n"
    )
    write("roles/one/meta/main.yml", "dependencies: [three]\n")
    write("roles/two/tasks/main.yml", "- block:\n  - ansible.builtin.include_role:\n      name: four\n")
    write("roles/three/files/x.bin", "x")
    write("roles/four/templates/conf.j2", "{{ not: yaml }}")
    write("roles/unused/tasks/main.yml", "[]")
    names = set(brought(playbook))
    assert {"playbooks/a.yml", "roles/one/meta/main.yml", "roles/two/tasks/main.yml"} <= names
    assert {"roles/three/files/x.bin", "roles/four/templates/conf.j2"} <= names
    assert not [name for name in names if "unused" in name]


def test_a_role_named_by_a_variable_brings_all(write: Write) -> None:
    playbook = write("a.yml", "- hosts: all\n  tasks:\n  - include_role: {name: '{{ any }}'}\n")
    write("roles/one/tasks/main.yml", "[]")
    write("roles/two/tasks/main.yml", "[]")
    assert {"roles/one/tasks/main.yml", "roles/two/tasks/main.yml"} <= set(brought(playbook))


def test_neighbours_and_imported_playbooks_are_brought(write: Write) -> None:
    playbook = write("a.yml", "- import_playbook: b.yml\n- hosts: all\n  vars_files: [more/v.yml]\n")
    write("b.yml", "- hosts: all\n  roles: [one]\n")
    write("roles/one/tasks/main.yml", "[]")
    write("more/v.yml", "x: 1\n")
    write("templates/t.j2", "t")
    write("workarounds/w/fix.yml", "[]")
    names = set(brought(playbook))
    assert {"playbooks/b.yml", "playbooks/more/v.yml", "playbooks/templates/t.j2"} <= names
    assert {"playbooks/workarounds/w/fix.yml", "roles/one/tasks/main.yml"} <= names


def test_roles_that_include_each_other_end(write: Write) -> None:
    playbook = write("a.yml", "- hosts: all\n  roles: [one]\n")
    write("roles/one/meta/main.yml", "dependencies: [two]\n")
    write("roles/two/meta/main.yml", "dependencies: [one]\n")
    assert {"roles/one/meta/main.yml", "roles/two/meta/main.yml"} <= set(brought(playbook))


def test_a_readme_or_bytecode_changes_nothing(write: Write) -> None:
    playbook = write("a.yml", "- hosts: all\n  roles: [one]\n")
    write("roles/one/tasks/main.yml", "[]")
    before = brought(playbook)
    write("roles/one/README.md", "words")
    write("roles/one/library/__pycache__/x.pyc", "x")
    assert brought(playbook) == before


def test_a_playbook_that_is_no_yaml_is_refused_by_name(write: Write) -> None:
    playbook = write("a.yml", "- hosts: [all\n")
    with pytest.raises(Refused, match=r"a\.yml' is no YAML"):
        brought(playbook)


def test_a_vault_is_no_obstacle(write: Write) -> None:
    assert brought(write("a.yml", "- hosts: all\n  vars: {secret: !vault abc}\n"))


def test_reasons_name_what_changed() -> None:
    now = Brought.of({"roles/x/tasks/main.yml": "1", "playbooks/new.yml": "2"}, {"size": 1})
    before = {**Brought.of({"roles/x/tasks/main.yml": "0", "playbooks/old.yml": "2"}, {"size": 1}).parts}
    assert now.reasons(before) == [
        "playbooks/new.yml is new",
        "playbooks/old.yml is gone",
        "roles/x/tasks/main.yml differs",
    ]
    assert now.reasons(now.parts) == []


def test_variables_count_and_their_order_does_not() -> None:
    one = Brought.of({}, {"a": {"x": 1, "y": 2}, "b": 3})
    assert one.digest == Brought.of({}, {"b": 3, "a": {"y": 2, "x": 1}}).digest
    assert one.reasons(Brought.of({}, {"a": {"x": 1, "y": 3}, "b": 3}).parts) == ["vars.a differs"]


def test_digests_of_the_machines_that_have_playbooks(tmp_path: Path, write: Write) -> None:
    write("playbooks/a.yml", "- hosts: a\n")
    playbooks = Playbooks(tmp_path)
    assert playbooks.digests(environment(tmp_path, machine())) == {}
    before = playbooks.digests(environment(tmp_path, machine(provision=("a",)), size=1))
    assert playbooks.digests(environment(tmp_path, machine(provision=("a",)), size=1)) == before
    assert playbooks.digests(environment(tmp_path, machine(bake=("a",)), size=1)) != before
    assert playbooks.digests(environment(tmp_path, machine(provision=("a",)), size=2)) != before
    write("playbooks/a.yml", "- hosts: b\n")
    assert playbooks.digests(environment(tmp_path, machine(provision=("a",)), size=1)) != before


def test_what_was_brought_can_be_kept_and_compared(tmp_path: Path, write: Write) -> None:
    write("playbooks/a.yml", "- hosts: a\n")
    playbooks, one = Playbooks(tmp_path), machine(provision=("a",))
    kept = json.loads(playbooks.brought_json(environment(tmp_path, one, size=1)))
    write("playbooks/a.yml", "- hosts: b\n")
    assert playbooks.brought(one, {"size": 1}).reasons(kept["api"]) == ["playbooks/a.yml differs"]


def test_glance_brings_the_role_and_not_keystones_playbooks(tmp_path: Path) -> None:
    names = set(brought_by(shipped("playbooks") / "glance-source.yml", Playbooks(tmp_path).role_folders))
    assert {"playbooks/glance-source.yml", "roles/source_venv/tasks/install.yml"} <= names
    assert "playbooks/keystone-source.yml" not in names
