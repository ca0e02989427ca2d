"""The table of bad input: every mistake is named with its file, line and key, and nothing else is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad.table import PLAYBOOKS, Case, cases, good, said
from jsonschema import Draft202012Validator

from devbox.errors import BadInput, Exit
from devbox.reading.known import HostLimits
from devbox.reading.parsing import load_project
from devbox.reading.schema_export import FILES, schema_text
from devbox.units import Size

SMALL = HostLimits(memory=Size.parse("8GiB"), cpus=2, low_ports_allowed=False)
TABLE = cases()
VALIDATORS = {kind: Draft202012Validator(json.loads(schema_text(kind))) for kind in FILES}


def load(file: Path) -> None:
    load_project(file, box_folders=[file.parent / "boxes"], playbooks=PLAYBOOKS, limits=SMALL)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
def test_every_mistake_is_named_and_no_other(case: Case, tmp_path: Path) -> None:
    file = case.write(tmp_path)
    with pytest.raises(BadInput) as raised:
        load(file)
    found = said(raised.value, tmp_path)
    unexpected = [line for line in found if not line.startswith(case.says)]
    unsaid = [start for start in case.says if not any(line.startswith(start) for line in found)]
    assert (unexpected, unsaid, len(found)) == ([], [], len(case.says))
    assert raised.value.exit_status == Exit.BAD_INPUT


def test_the_project_that_all_cases_change_is_good(tmp_path: Path) -> None:
    load(good().write(tmp_path))


def test_the_table_is_large_and_its_names_are_unique() -> None:
    names = [case.name for case in TABLE]
    assert len(set(names)) == len(names)
    assert len(names) >= 70


def mapping(case: Case) -> dict[str, Any]:
    """The file as an editor sees it; empty where the editor complains about the YAML already."""
    content = case.files.get(case.subject, b"")
    try:
        value = yaml.safe_load(content) if len(content) < 5_000 and "bomb" not in case.name else None
    except (yaml.YAMLError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


@pytest.mark.parametrize("case", [case for case in TABLE if mapping(case)], ids=lambda case: case.name)
def test_the_schema_tells_what_it_can(case: Case) -> None:
    valid = VALIDATORS["box" if case.subject.startswith("boxes/") else "environment"].is_valid(mapping(case))
    assert valid is not case.schema
