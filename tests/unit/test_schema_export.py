"""The schemas for editors: current, valid themselves, and of one mind with the parser about what is good."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad.table import good
from jsonschema import Draft202012Validator

from devbox.paths import shipped
from devbox.reading.schema_export import FILES, Kind, schema_text
from devbox.reading.starter import free_network, starter

ROOT = Path(__file__).parents[2]


def schema(kind: Kind) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(schema_text(kind))
    return parsed


@pytest.mark.parametrize("kind", FILES)
def test_the_published_schema_is_current(kind: Kind) -> None:
    published = (ROOT / "docs" / FILES[kind]).read_text()
    assert published == schema_text(kind), f"run: devbox validate --schema --of {kind} > docs/{FILES[kind]}"


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_one_and_shows_no_nulls(kind: Kind) -> None:
    Draft202012Validator.check_schema(schema(kind))
    assert '"null"' not in schema_text(kind)
    assert all("description" in key or "$ref" in key for key in schema(kind)["properties"].values())


def test_good_files_are_good() -> None:
    environment, box = Draft202012Validator(schema("environment")), Draft202012Validator(schema("box"))
    environment.validate(yaml.safe_load(good().files["devbox.yml"]))
    environment.validate(yaml.safe_load(starter("shop", free_network([]))))
    environment.validate({"name": "a", "network": {"cidr": "10.9.0.0/16"}, "include": ["x.yml"]})
    for file in shipped("boxes").glob("*.yml"):
        box.validate(yaml.safe_load(file.read_text()))


@pytest.mark.parametrize(
    "keys",
    [
        {"memory": "1.5 GiB", "disk": "20G", "ports": [1, "65535", "8080:80", "53/tcp"]},
        {"cpus": 255, "bake": [], "provision": ["a", "b-c_d"]},
    ],
)
def test_the_schema_takes_all_forms_of_a_value(keys: dict[str, Any]) -> None:
    machine = {"box": "small", "ip": "192.168.255.10", **keys}
    value = {"name": "a", "network": {"cidr": "192.168.255.0/24"}, "machines": {"m": machine}}
    Draft202012Validator(schema("environment")).validate(value)
