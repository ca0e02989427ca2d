"""Ansible module: sets keys of a configuration file whose format it knows."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.settings_edit import edit, syntax
from ansible.module_utils.settings_lines import Unusable

DOCUMENTATION = r"""
module: settings
short_description: Set keys of a configuration file whose format is known
description:
  - Changes the keys that are named and leaves every other byte as it is, comments, order and spacing too.
  - Either all of the change is made or none of it.
  - >-
    A new key goes below its commented-out default where there is one, else after the last key of the section;
    in a file of shell assignments at the end.
  - A file with Windows line ends is refused. Bytes that are no UTF-8 are kept.
options:
  path: {description: The file. A symbolic link is followed., type: path, required: true}
  format:
    description: >-
      C(ini) as oslo.config reads it; C(answers) is packstack's answer file, one section and keys without
      regard to case; C(sysconfig) has shell assignments, whose quotes are kept; C(plain) is C(key=value) as
      in qpidd.conf.
    type: str
    choices: [ini, answers, sysconfig, plain]
    required: true
  section:
    description: For C(ini) alone; made when it is not there.
    type: str
    default: DEFAULT
  values:
    description: >-
      Key to value; null removes the key. For C(ini) a list writes one line for each item, as oslo's options
      that can be repeated want it.
    type: dict
    default: {}
  append:
    description: Key to the items that its comma-separated value must have; what it lacks comes at its end.
    type: dict
    default: {}
  append_base:
    description: >-
      Key to the value (text or list) that the program takes where the file lacks the key, for keys of
      I(append).
    type: dict
    default: {}
  export: {description: "For C(sysconfig): whether the keys are exported. Left out, as it is.", type: bool}
  keep:
    description: Keys whose value stays, while I(export) decides whether they are exported.
    type: list
    elements: str
    default: []
  create: {description: Make the file where it is not there., type: bool, default: false}
  new_keys: {description: "Where false, a key that the file lacks is an error.", type: bool, default: true}
extends_documentation_fragment: [files]
"""

EXAMPLES = r"""
- name: Let Glance take images of Docker
  settings:
    path: /etc/glance/glance-api.conf
    format: ini
    append: {container_formats: [docker]}
    append_base: {container_formats: "ami,ari,aki,bare,ovf,ova"}

- name: Do without Neutron
  settings:
    path: /root/answers.txt
    format: answers
    values: {CONFIG_NEUTRON_INSTALL: n}
    new_keys: false
"""

RETURN = r"""
keys: {description: The keys that changed., type: list, returned: success}
"""

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "format": {"type": "str", "required": True, "choices": ["ini", "answers", "sysconfig", "plain"]},
    "section": {"type": "str", "default": "DEFAULT"},
    "values": {"type": "dict", "default": {}},
    "append": {"type": "dict", "default": {}},
    "append_base": {"type": "dict", "default": {}},
    "export": {"type": "bool"},
    "keep": {"type": "list", "elements": "str", "default": []},
    "create": {"type": "bool", "default": False},
    "new_keys": {"type": "bool", "default": True},
    "backup": {"type": "bool", "default": False},
}


def main() -> None:
    """Read, edit, write."""
    module = AnsibleModule(_ARGUMENTS, supports_check_mode=True, add_file_common_args=True)
    given = module.params
    path = Path(given["path"]).resolve()
    before = _content(module, path)
    try:
        form = syntax(given["format"], given["section"], export=given["export"])
        after, keys = edit(
            _text(before) if before is not None else _beginning(given["format"]),
            form,
            {key: _values(key, value, given["format"]) for key, value in given["values"].items()},
            {key: _items(value) for key, value in given["append"].items()},
            {key: ",".join(_items(value)) for key, value in given["append_base"].items()},
            new_keys=given["new_keys"],
            keep=given["keep"],
        )
    except Unusable as error:
        problems = "; ".join(error.problems)
        module.fail_json(msg=f"'{given['path']}' can't be edited and was left as it is: {problems}.")
    result: dict[str, Any] = {"changed": before != _bytes(after), "keys": keys}
    if module._diff:  # noqa: SLF001 - how a module asks whether --diff was given
        shown = {"before": _shown(before), "after": _shown(_bytes(after))}
        result["diff"] = [{**shown, "before_header": str(path), "after_header": str(path)}]
    if result["changed"] and not module.check_mode:
        if given["backup"] and before is not None:
            result["backup_file"] = module.backup_local(str(path))
        _write(module, path, _bytes(after))
    if before is not None or not module.check_mode:
        attributes = module.load_file_common_arguments({**given, "path": str(path)})
        result["changed"] = module.set_fs_attributes_if_different(attributes, result["changed"])
    module.exit_json(**result)


def _content(module: AnsibleModule, path: Path) -> bytes | None:
    """What the file holds; None where it is to be made."""
    if path.is_dir():
        module.fail_json(msg=f"'{path}' is a folder, no file with settings.")
    if not path.exists():
        if not module.params["create"]:
            module.fail_json(msg=f"There is no file '{path}'. With 'create: true' it would be made.")
        if not path.parent.is_dir():
            module.fail_json(msg=f"There is no folder '{path.parent}' to make '{path}' in.")
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        module.fail_json(msg=f"'{path}' can't be read: {error.strerror}. Does the task need 'become: true'?")


def _write(module: AnsibleModule, path: Path, content: bytes) -> None:
    descriptor, staged = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    module.atomic_move(staged, str(path))


def _beginning(form: str) -> str:
    return "[general]\n" if form == "answers" else ""


def _values(key: str, value: object, form: str) -> str | list[str] | None:
    if value is None:
        return None
    if isinstance(value, bool) and form == "answers":
        raise Unusable([f"the key '{key}' has the value {value}; packstack wants 'y' or 'n', in quotes"])
    return [_plain(item) for item in value] if isinstance(value, list) else _plain(value)


def _items(value: object) -> list[str]:
    return [_plain(item) for item in value] if isinstance(value, list) else [_plain(value)]


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise Unusable([f"{value!r} is no value for a key"])


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _shown(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")


if __name__ == "__main__":
    main()
