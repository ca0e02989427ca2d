"""Finding playbooks, and the digest of everything that they bring along."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from devbox.environment import Environment, MachineSpec
from devbox.errors import Refused
from devbox.paths import shipped
from devbox.provision.brought import Brought, brought_by, digest_of, files_brought_by
from devbox.provision.playbooks import LAYER_FORMAT, Playbooks
from devbox.units import Size

Write = Callable[[str, str], Path]
FILES_OF_AN_ENTRY = ("workaround.yml", "fix.yml")


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


@pytest.mark.parametrize(
    "text, why",
    [
        ("# Does a thing.\n- hosts: a\n", None),
        ("# Does a thing.\n# bake_in: guest (it starts a database)\n- hosts: a\n", "it starts a database"),
        ("# Does a thing.\n---\n# bake_in: guest\n- hosts: a\n", ""),
        ("# Does a thing.\n- hosts: a\n# bake_in: guest\n", None),
    ],
)
def test_a_playbook_can_say_that_it_needs_a_running_machine(
    tmp_path: Path, write: Write, text: str, why: str | None
) -> None:
    write("playbooks/a.yml", text)
    assert Playbooks(tmp_path).find("a").needs_guest == why


def test_another_wish_of_a_playbook_is_refused(tmp_path: Path, write: Write) -> None:
    write("playbooks/a.yml", "# Does a thing.\n# bake_in: host\n- hosts: a\n")
    with pytest.raises(Refused, match="'a' says 'bake_in: host', and it can only say 'guest'"):
        _ = Playbooks(tmp_path).find("a").needs_guest


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
    write("library/m.py", "")
    names = set(brought(playbook))
    assert {"playbooks/b.yml", "playbooks/more/v.yml", "playbooks/templates/t.j2"} <= names
    assert {"playbooks/library/m.py", "roles/one/tasks/main.yml"} <= names


@pytest.mark.parametrize(
    "names, brought_along",
    [("[one]", {"one"}), ("[one, two]", {"one", "two"}), ("'{{ chosen }}'", {"one", "two"}), ("[]", set())],
)
def test_the_entries_that_the_role_workarounds_is_given_are_brought(
    write: Write, names: str, brought_along: set[str]
) -> None:
    vars_ = f"{{workarounds_names: {names}}}"
    task = f"include_role: {{name: workarounds}}\n    vars: {vars_}"
    playbook = write("a.yml", f"- hosts: all\n  tasks:\n  - {task}\n")
    write("roles/workarounds/tasks/main.yml", "- debug: {var: workarounds_names}\n")
    for entry in ("one", "two"):
        write(f"workarounds/{entry}/workaround.yml", "x: y\n")
        write(f"workarounds/{entry}/fix.yml", "[]")
    write("workarounds/README.md", "")
    entries = {name for name in brought(playbook) if name.startswith("workarounds/")}
    assert entries == {f"workarounds/{one}/{file}" for one in brought_along for file in FILES_OF_AN_ENTRY}


def test_entries_that_nobody_asks_for_are_not_brought(write: Write) -> None:
    playbook = write("a.yml", "- hosts: all\n  roles: [other]\n")
    write("roles/other/tasks/main.yml", "[]")
    write("workarounds/one/fix.yml", "[]")
    assert not [name for name in brought(playbook) if "workarounds" in name]


def test_a_projects_entry_stands_before_devboxs(tmp_path: Path, write: Write) -> None:
    task = "include_role: {name: workarounds}\n    vars: {workarounds_names: [one]}"
    playbook = write("project/a.yml", f"- hosts: all\n  tasks:\n  - {task}\n")
    write("devbox/roles/workarounds/tasks/main.yml", "[]")
    theirs, ours = (
        write("devbox/workarounds/one/fix.yml", "[]"),
        write("project/workarounds/one/fix.yml", "[]"),
    )
    folders = [tmp_path / "project" / "roles", tmp_path / "devbox" / "roles"]
    assert files_brought_by(playbook, folders)["workarounds/one/fix.yml"] == ours
    ours.unlink()
    ours.parent.rmdir()
    assert files_brought_by(playbook, folders)["workarounds/one/fix.yml"] == theirs


def test_a_module_beside_the_role_that_uses_it_is_brought(tmp_path: Path, write: Write) -> None:
    playbook = write("project/a.yml", "- hosts: all\n  roles: [one]\n")
    task = write("devbox/roles/one/tasks/main.yml", "- paint: {colour: red}\n")
    write("devbox/library/paint.py", "")
    write("devbox/module_utils/colours.py", "")
    folders = [tmp_path / "devbox" / "roles"]
    assert {"library/paint.py", "module_utils/colours.py"} <= set(files_brought_by(playbook, folders))
    task.write_text("- painter: {}\n")
    assert "library/paint.py" not in files_brought_by(playbook, folders)


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


def test_tasks_and_variables_in_a_file_beside_the_playbook_are_brought(write: Write) -> None:
    playbook = write(
        "a.yml", "- hosts: all\n  tasks:\n  - include_tasks: more.yml\n  - include_vars: {file: v.yml}\n"
    )
    write("more.yml", "- import_role: {name: one}\n- ansible.builtin.import_tasks: most.yml\n")
    write("most.yml", "[]")
    write("v.yml", "x: 1\n")
    write("other.yml", "[]")
    write("roles/one/tasks/main.yml", "[]")
    assert set(brought(playbook)) == {
        *("playbooks/a.yml", "playbooks/more.yml", "playbooks/most.yml", "playbooks/v.yml"),
        "roles/one/tasks/main.yml",
    }


def test_content_is_neither_left_out_nor_taken_for_tasks(write: Write) -> None:
    playbook = write("a.yml", "- hosts: all\n  roles: [one]\n")
    write("roles/one/files/tests/two.yml", "role: x\n---\nrole: y\n")
    write("roles/one/templates/README.md", "copied")
    write("roles/one/tests/test.yml", "- hosts: localhost\n")
    write("files/tests/three.yml", "role: {{ x }}\n")
    assert {name for name in brought(playbook) if name != "playbooks/a.yml"} == {
        "roles/one/files/tests/two.yml",
        "roles/one/templates/README.md",
        "playbooks/files/tests/three.yml",
    }


def test_roles_are_found_wherever_the_project_lies(write: Write) -> None:
    playbook = write("templates/a.yml", "- hosts: all\n  roles: [one]\n")
    write("templates/roles/one/meta/main.yml", "dependencies: [two]\n")
    write("templates/roles/two/tasks/main.yml", "[]")
    assert "roles/two/tasks/main.yml" in brought(playbook)


@pytest.fixture
def layered(tmp_path: Path, write: Write) -> Playbooks:
    """The playbook a uses one role, b another; the names of a's variables stand in three kinds of files."""
    write("playbooks/a.yml", "- hosts: a\n  roles: [one]\n  vars: {x: '{{ in_playbook }}'}\n")
    write("playbooks/b.yml", "- hosts: b\n  roles: [two]\n")
    write("playbooks/roles/one/tasks/main.yml", "- debug:\n")
    write("playbooks/roles/one/defaults/main.yml", "in_default: 1\n")
    write("playbooks/roles/one/templates/x.j2", "{{ in_template }}")
    write("playbooks/roles/two/tasks/main.yml", "- debug: {msg: '{{ of_two }}'}\n")
    return Playbooks(tmp_path)


def test_a_layer_is_decided_by_its_own_playbook_alone(layered: Playbooks, write: Write) -> None:
    before = layered.baked("a", {})
    write("playbooks/b.yml", "# Other words.\n- hosts: b\n  roles: [two]\n")
    write("playbooks/roles/two/tasks/main.yml", "# Other words.\n- debug:\n")
    assert layered.baked("a", {}) == before
    write("playbooks/roles/one/tasks/main.yml", "- debug: {msg: more}\n")
    now = layered.baked("a", {})
    assert now.digest != before.digest
    assert now.reasons(before.parts) == ["roles/one/tasks/main.yml differs"]


def test_a_layer_is_decided_by_the_variables_that_its_playbook_names(layered: Playbooks) -> None:
    variables = {"in_playbook": "{{ further }}", "further": 1, "in_default": 2, "in_template": 3, "of_two": 4}
    before = layered.baked("a", variables)
    assert {name for name in before.parts if name.startswith("vars.")} == {
        *("vars.in_playbook", "vars.further", "vars.in_default", "vars.in_template")
    }
    assert layered.baked("a", {**variables, "of_two": 5, "unheard_of": 6}) == before
    for name in variables.keys() - {"of_two"}:
        assert layered.baked("a", {**variables, name: 9}).reasons(before.parts)[-1] == f"vars.{name} differs"


def test_a_binary_file_names_no_variable(layered: Playbooks, tmp_path: Path) -> None:
    binary = tmp_path / "playbooks/roles/one/files/program"
    binary.parent.mkdir()
    binary.write_bytes(b"\x7fELF\0 of_two ")
    parts = layered.baked("a", {"of_two": 4}).parts
    assert "roles/one/files/program" in parts
    assert "vars.of_two" not in parts


def test_a_layer_is_decided_by_the_tools(layered: Playbooks) -> None:
    parts = layered.baked("a", {}).parts
    assert parts["tools.ansible-core"] == digest_of(version("ansible-core"))
    assert parts["tools.layer"] == digest_of(LAYER_FORMAT)


def test_the_projects_settings_of_ansible_count(layered: Playbooks, write: Write) -> None:
    before = layered.baked("a", {})
    write("ansible.cfg", "[defaults]\nhash_behaviour = merge\n")
    assert layered.baked("a", {}).reasons(before.parts) == ["ansible.cfg is new"]


def test_a_changed_source_tree_makes_another_layer(layered: Playbooks, write: Write) -> None:
    write("tree/module.py", "x = 1\n")
    variables = {"in_playbook": {"path": "./tree"}, "of_two": {"path": "./not-there"}}
    before = layered.baked("a", variables)
    write("tree/module.py", "x = 2\n")
    assert layered.baked("a", variables).reasons(before.parts) == ["sources.in_playbook differs"]


def test_a_source_tree_is_found_through_another_variable_and_by_an_absolute_path(
    layered: Playbooks, write: Write
) -> None:
    folder = write("tree/module.py", "x = 1\n").parent
    parts = layered.baked("a", {"in_playbook": "{{ mine }}", "mine": {"path": str(folder), "ref": ""}}).parts
    assert (
        parts["sources.mine"]
        == layered.baked("a", {"in_playbook": {"path": "tree"}}).parts["sources.in_playbook"]
    )


def test_a_changed_source_tree_is_provisioned_where_it_is_used(layered: Playbooks, write: Write) -> None:
    write("tree/module.py", "x = 1\n")
    variables = {"in_playbook": {"path": "tree"}}
    uses, other = machine(provision=("a",)), machine(provision=("b",))
    before = [layered.brought(one, variables) for one in (uses, other)]
    write("tree/module.py", "x = 2\n")
    assert layered.brought(uses, variables).reasons(before[0].parts) == ["sources.in_playbook differs"]
    assert layered.brought(other, variables) == before[1]


def test_what_is_baked_counts_only_where_no_layer_brings_it(
    layered: Playbooks, tmp_path: Path, write: Write
) -> None:
    both = environment(tmp_path, machine(bake=("a",), provision=("b",)))
    whole, rest = layered.digests(both), layered.digests(both, baked=True)
    kept = json.loads(layered.brought_json(both, baked=True))
    assert {name for name in kept["api"] if "/" in name} == {"playbooks/b.yml", "roles/two/tasks/main.yml"}
    assert rest == layered.digests(environment(tmp_path, machine(provision=("b",))))
    write("playbooks/a.yml", "- hosts: a\n")
    assert layered.digests(both) != whole
    assert layered.digests(both, baked=True) == rest
    assert layered.brought(both.machines[0], {}, baked=True).reasons(kept["api"]) == []


def test_a_machine_whose_playbooks_are_all_baked_needs_no_provisioning(
    layered: Playbooks, tmp_path: Path
) -> None:
    baked = environment(tmp_path, machine(bake=("a",)))
    assert set(layered.digests(baked)) == {"api"}
    assert layered.digests(baked, baked=True) == {}
    assert json.loads(layered.brought_json(baked, baked=True)) == {}


def test_what_all_workarounds_bring_along(tmp_path: Path) -> None:
    variables = {"workaround_uwsgi_processes": 3, "workarounds_skip": ["x"], "nobody_names_this": 1}
    parts = Playbooks(tmp_path).baked("workarounds", variables).parts
    assert {"vars.workaround_uwsgi_processes", "vars.workarounds_skip"} <= set(parts)
    assert "vars.nobody_names_this" not in parts
    assert {
        "workarounds/debian-uwsgi-processes/detect.yml",
        "roles/workarounds/tasks/entry.yml",
        "playbooks/library/settings.py",
    } <= set(parts)


def test_a_layer_without_workarounds_outlives_a_change_of_the_catalogue(tmp_path: Path) -> None:
    parts = Playbooks(tmp_path).baked("glance-run", {}).parts
    assert not [name for name in parts if name.startswith("workarounds/") or "/workarounds/" in name]
