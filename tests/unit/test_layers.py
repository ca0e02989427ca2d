"""The keys of layers, and why one is missing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shelves import key, put_layer

from devbox.layers import Layer, base_disk, layers_for, why_missing
from devbox.paths import Home
from devbox.provision.playbooks import Playbooks

IMAGE = key(0xC0)
BAKE = ("base", "app", "extra")
VARS = {"colour": "red", "size": 3}
TEXT = {
    "base": "- hosts: base\n  tasks: [{debug: {msg: base}}]\n",
    "app": "- hosts: app\n  tasks: [{debug: {msg: '{{ colour }}'}}]\n",
    "extra": "- hosts: extra\n  tasks: [{debug: {msg: extra}}]\n",
}


def write(project: Path, **texts: str) -> Playbooks:
    folder = project / "playbooks"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (TEXT | texts).items():
        (folder / f"{name}.yml").write_text(text)
    return Playbooks(project)


def keys(layers: tuple[Layer, ...]) -> list[str]:
    return [layer.key for layer in layers]


@pytest.fixture
def playbooks(tmp_path: Path) -> Playbooks:
    return write(tmp_path / "project")


def test_each_layer_stands_on_the_one_before_and_the_first_on_the_image(playbooks: Playbooks) -> None:
    layers = layers_for("debian-12", IMAGE, BAKE, playbooks, VARS)
    assert [layer.parent for layer in layers] == [IMAGE, *keys(layers)[:-1]]
    assert [layer.label for layer in layers] == [
        "debian-12+base",
        "debian-12+base+app",
        "debian-12+base+app+extra",
    ]
    assert {layer.image for layer in layers} == {IMAGE}
    assert len({IMAGE, *keys(layers)}) == 4


def test_no_playbook_no_layer(home: Home, playbooks: Playbooks) -> None:
    assert layers_for("debian-12", IMAGE, (), playbooks, VARS) == ()
    assert base_disk(home, IMAGE, "") == home.images / IMAGE / "disk.qcow2"
    assert base_disk(home, IMAGE, key(1)) == home.layers / key(1) / "disk.qcow2"


# Drawing examples is slow on a busy host too.
PATIENT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_WORDS = st.text("abcdefgh", min_size=1, max_size=6)


@PATIENT
@given(texts=st.lists(_WORDS, min_size=3, max_size=3), value=_WORDS)
def test_the_same_inputs_elsewhere_give_the_same_keys(texts: list[str], value: str) -> None:
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            said = {name: f"{TEXT[name]}# {text}\n" for name, text in zip(BAKE, texts, strict=True)}
            playbooks = write(Path(folder), **said)
            found.append(keys(layers_for("debian-12", IMAGE, BAKE, playbooks, {"colour": value})))
    assert found[0] == found[1]


@PATIENT
@given(changed=st.integers(0, 2), text=_WORDS)
def test_a_changed_playbook_changes_its_layer_and_those_above_only(changed: int, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        before = keys(layers_for("debian-12", IMAGE, BAKE, write(Path(folder)), VARS))
        name = BAKE[changed]
        playbooks = write(Path(folder), **{name: f"{TEXT[name]}# {text}\n"})
        after = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
    assert after[:changed] == before[:changed]
    assert not set(after[changed:]) & set(before)


@PATIENT
@given(st.permutations(BAKE))
def test_the_order_of_playbooks_counts(order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        playbooks = write(Path(folder))
        before = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
        after = keys(layers_for("debian-12", IMAGE, order, playbooks, VARS))
    assert (after[-1] == before[-1]) is (tuple(order) == BAKE)


def test_a_variable_changes_the_layers_whose_playbook_names_it_and_those_above(playbooks: Playbooks) -> None:
    before = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
    blue = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, {**VARS, "colour": "blue"}))
    assert blue[0] == before[0]
    assert not set(blue[1:]) & set(before)
    assert keys(layers_for("debian-12", IMAGE, BAKE, playbooks, {**VARS, "size": 4})) == before


def test_another_image_changes_all(playbooks: Playbooks) -> None:
    before = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
    after = keys(layers_for("debian-12", key(0xD0), BAKE, playbooks, VARS))
    assert not set(after) & set(before)


def test_a_role_counts_as_its_playbook_does(tmp_path: Path) -> None:
    playbooks = write(tmp_path, app="- hosts: app\n  roles: [paint]\n")
    tasks = tmp_path / "playbooks" / "roles" / "paint" / "tasks" / "main.yml"
    tasks.parent.mkdir(parents=True)
    tasks.write_text("[]\n")
    before = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
    tasks.write_text("[{ping: }]\n")
    after = keys(layers_for("debian-12", IMAGE, BAKE, playbooks, VARS))
    assert after[0] == before[0]
    assert after[1] != before[1]


class TestWhyMissing:
    def test_never_baked(self, home: Home, playbooks: Playbooks) -> None:
        (layer, *_) = layers_for("debian-12", IMAGE, BAKE, playbooks, VARS)
        assert why_missing(home, layer) == "it was never baked here"

    def test_a_changed_file_is_named(self, home: Home, playbooks: Playbooks) -> None:
        put_layer(home, layers_for("debian-12", IMAGE, BAKE[:1], playbooks, VARS)[0])
        write(playbooks.project, base="- hosts: base\n  tasks: []\n")
        (layer,) = layers_for("debian-12", IMAGE, BAKE[:1], playbooks, VARS)
        assert why_missing(home, layer) == "playbooks/base.yml differs"

    def test_a_changed_variable_is_named(self, home: Home, playbooks: Playbooks) -> None:
        put_layer(home, layers_for("debian-12", IMAGE, ("app",), playbooks, VARS)[0])
        (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, {"colour": "blue"})
        assert why_missing(home, layer) == "vars.colour differs"

    def test_a_new_image_below_is_told(self, home: Home, playbooks: Playbooks) -> None:
        put_layer(home, layers_for("debian-12", key(0xD0), ("app",), playbooks, VARS)[0])
        (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, VARS)
        assert why_missing(home, layer) == "what it stands on is new"

    def test_the_newest_of_the_same_name_is_compared(self, home: Home, playbooks: Playbooks) -> None:
        for day, colour in (("02", "green"), ("01", "blue")):
            (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, {"colour": colour})
            put_layer(home, layer, built=f"2026-01-{day}T00:00:00+00:00")
        (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, {"colour": "green"})
        assert why_missing(home, layer) == "its cached copy is gone"

    def test_many_reasons_are_counted(self, home: Home, playbooks: Playbooks) -> None:
        names = [f"colour{number}" for number in range(5)]
        write(playbooks.project, app=f"- hosts: app\n  tasks: [{{debug: {{msg: {' '.join(names)}}}}}]\n")
        put_layer(home, layers_for("debian-12", IMAGE, ("app",), playbooks, dict.fromkeys(names, "red"))[0])
        (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, dict.fromkeys(names, "blue"))
        said = why_missing(home, layer)
        assert said == "vars.colour0 differs, vars.colour1 differs, vars.colour2 differs and 2 more"

    @pytest.mark.parametrize("manifest", ["", "[]", "{", '{"label": "debian-12+app", "built": 3}'])
    def test_a_damaged_manifest_stops_nothing(self, home: Home, playbooks: Playbooks, manifest: str) -> None:
        (layer,) = layers_for("debian-12", IMAGE, ("app",), playbooks, VARS)
        (put_layer(home, layer).parent / "manifest.json").write_text(manifest)
        assert why_missing(home, layer)
