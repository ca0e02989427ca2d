"""The lookup of variables that look like a role's arguments, but that nothing in the role reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: unread_variables
short_description: Variables with a role's prefix that the role does not read
description:
  - Ansible checks the arguments that a role has, not those that it lacks; a misspelt one has no effect.
options:
  _terms:
    description: The prefix of the role's variables, then the role's folder.
    required: true
"""

_FOLDERS = ("defaults", "meta", "tasks", "templates", "vars")


class LookupModule(LookupBase):
    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **_: Any) -> list[str]:
        prefix, role = terms
        read = set(_words(Path(role), prefix))
        return sorted(name for name in variables or {} if name.startswith(prefix) and name not in read)


def _words(role: Path, prefix: str) -> Iterator[str]:
    for folder in _FOLDERS:
        for file in (role / folder).rglob("*"):
            if file.is_file():
                yield from re.findall(rf"\b{re.escape(prefix)}\w+", file.read_text(encoding="utf-8"))
