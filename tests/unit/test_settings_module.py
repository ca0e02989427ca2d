"""The module `settings` around the text: the file, check mode, what it answers."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import ansible.module_utils
import pytest
from ansible.module_utils.testing import patch_module_args

from devbox.paths import shipped

ansible.module_utils.__path__.append(str(shipped("playbooks") / "module_utils"))


class Answered(Exception):
    """The module came to its end."""


def load() -> Any:
    found = importlib.util.spec_from_file_location(
        "settings_module", shipped("playbooks") / "library/settings.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def run(monkeypatch: pytest.MonkeyPatch, *, check: bool = False, **given: Any) -> dict[str, Any]:
    """What the module answers, whether it was content or not."""
    module = load()

    def answer(self: Any, failed: bool = False, **result: Any) -> None:
        raise Answered({**result, "failed": failed})

    monkeypatch.setattr(module.AnsibleModule, "exit_json", answer)
    monkeypatch.setattr(
        module.AnsibleModule, "fail_json", lambda self, **result: answer(self, failed=True, **result)
    )
    arguments = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(arguments), pytest.raises(Answered) as ended:
        module.main()
    return cast("dict[str, Any]", ended.value.args[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "nova.conf"
    file.write_bytes(b"[DEFAULT]\n# caf\xe9\na = 1\n")
    file.chmod(0o640)
    return file


class TestFile:
    def test_it_is_written_and_keeps_its_mode(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        answer = run(monkeypatch, path=str(file), format="ini", values={"a": 2, "b": ["x", "y"]})
        assert (answer["changed"], answer["keys"]) == (True, ["a", "b"])
        assert file.read_bytes() == b"[DEFAULT]\n# caf\xe9\na = 2\nb = x\nb = y\n"
        assert file.stat().st_mode & 0o777 == 0o640
        again = run(monkeypatch, path=str(file), format="ini", values={"a": 2, "b": ["x", "y"]})
        assert (again["changed"], again["keys"]) == (False, [])

    def test_check_mode_only_says_what_it_would_do(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        before = file.read_bytes()
        answer = run(monkeypatch, check=True, path=str(file), format="ini", values={"a": 2})
        assert answer["changed"]
        assert answer["diff"][0]["after"].endswith("a = 2\n")
        assert file.read_bytes() == before

    def test_a_link_stays_one(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        link = file.with_name("link")
        link.symlink_to(file)
        run(monkeypatch, path=str(link), format="ini", values={"a": 2})
        assert link.is_symlink()
        assert b"a = 2" in file.read_bytes()

    def test_a_new_file_has_the_mode_that_was_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        new = tmp_path / "answers.txt"
        given: dict[str, Any] = {"path": str(new), "format": "answers", "values": {"A": "y"}, "create": True}
        assert run(monkeypatch, check=True, **given, mode="0600")["changed"]
        assert not new.exists()
        assert run(monkeypatch, **given, mode="0600")["changed"]
        assert new.read_text() == "[general]\nA=y\n"
        assert new.stat().st_mode & 0o777 == 0o600
        assert not run(monkeypatch, **given, mode="0600")["changed"]
        assert run(monkeypatch, **given, mode="0640")["changed"]

    @pytest.mark.integration  # Ansible asks lsattr
    def test_a_backup_has_what_was_there(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        before = file.read_bytes()
        answer = run(monkeypatch, path=str(file), format="ini", values={"a": 2}, backup=True)
        assert Path(answer["backup_file"]).read_bytes() == before


class TestRefused:
    @pytest.mark.parametrize(
        "given, said",
        [
            ({"values": {"a": "1\n2"}}, "more than one line"),
            ({"values": {"a": {"b": 1}}}, "no value for a key"),
            ({"values": {"a": 2, "b": 1}, "new_keys": False}, "it lacks the key 'b'"),
            ({"append": {"c": ["x"]}}, "'append_base' has no value"),
            ({"format": "answers", "values": {"a": True}}, "'y' or 'n', in quotes"),
            ({"format": "answers", "values": {"a": "n"}}, "no section [general]"),
        ],
    )
    def test_nothing_is_half_edited(
        self, monkeypatch: pytest.MonkeyPatch, file: Path, given: dict[str, Any], said: str
    ) -> None:
        before = file.read_bytes()
        answer = run(monkeypatch, **{"path": str(file), "format": "ini", **given})
        assert answer["failed"]
        assert said in answer["msg"]
        assert str(file) in answer["msg"]
        assert file.read_bytes() == before
        assert [entry.name for entry in file.parent.iterdir()] == [file.name]

    def test_windows_line_ends(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        file.write_bytes(b"[general]\r\nA=1\r\n")
        answer = run(monkeypatch, path=str(file), format="answers", values={"A": "2"})
        assert answer["msg"] == (
            f"'{file}' can't be edited and was left as it is: it has Windows line ends, the first on line 1."
        )

    def test_what_is_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        absent = tmp_path / "no" / "file"
        missing = run(monkeypatch, path=str(absent), format="ini", values={"a": 1})
        assert f"There is no file '{absent}'" in missing["msg"]
        nowhere = run(monkeypatch, path=str(absent), format="ini", values={"a": 1}, create=True)
        assert f"There is no folder '{absent.parent}'" in nowhere["msg"]
        folder = run(monkeypatch, path=str(tmp_path), format="ini", values={"a": 1})
        assert "is a folder" in folder["msg"]


@pytest.mark.integration
def test_a_playbook_beside_it_finds_it(tmp_path: Path, file: Path) -> None:
    """As Ansible runs it for anybody, by a site playbook that imports one of a folder with `library`."""
    playbooks = tmp_path / "playbooks"
    playbooks.mkdir()
    for folder in ("library", "module_utils"):
        (playbooks / folder).symlink_to(shipped("playbooks") / folder)
    (playbooks / "try.yml").write_text(
        "- hosts: all\n  gather_facts: false\n  tasks:\n"
        f"    - settings: {{path: '{file}', format: ini, values: {{a: 2}}}}\n"
    )
    (tmp_path / "site.yml").write_text(f"- import_playbook: {playbooks}/try.yml\n")
    argv = [sys.executable, "-m", "ansible.cli.playbook", "-i", "localhost,", "-c", "local", "site.yml"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "LC_ALL": "C.UTF-8",
    }
    for changed in (1, 0):
        ran = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert f"changed={changed} " in ran.stdout, ran.stdout + ran.stderr
        assert ran.returncode == 0
