"""The JSON schemas of devbox.yml and box files, for editors that complete and check while one types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema

from devbox.reading.box_written import BoxWritten
from devbox.reading.written import EnvironmentWritten, MachineWritten, Written
from devbox.units import Size

Kind = Literal["environment", "box"]

FILES: dict[Kind, str] = {"environment": "devbox.schema.json", "box": "box.schema.json"}

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(kind: Kind = "environment") -> str:
    """The schema as JSON text, the same for the same version of devbox."""
    model = EnvironmentWritten if kind == "environment" else BoxWritten
    schema = _tidied(model.model_json_schema(schema_generator=_Generator))
    schema = {"$schema": _DIALECT, **schema, **_required(model)}
    return json.dumps(schema, indent=2) + "\n"


def write(folder: Path) -> None:
    """Write all schemas into a folder, such as this project's docs/."""
    for kind, name in FILES.items():
        (folder / name).write_text(schema_text(kind))


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Size) else super().encode_default(dft)


def _required(model: type[Written]) -> dict[str, Any]:
    """What must be there; where fragments are included, the machines may stand in those."""
    if model is not EnvironmentWritten:
        return {"required": [*model.required]}
    machines = {"additionalProperties": {"required": [*MachineWritten.required]}}
    return {
        "required": [key for key in model.required if key != "machines"],
        "if": {"not": {"required": ["include"]}},
        "then": {"required": ["machines"], "properties": {"machines": machines}},
    }


def _tidied(value: Any) -> Any:
    """The schema as a user should see it: no null for keys that are left out, no titles of classes."""
    if isinstance(value, list):
        return [_tidied(item) for item in value]
    if not isinstance(value, dict):
        return value
    tidied = {key: _tidied(inner) for key, inner in value.items() if not _noise(key, inner)}
    real = [choice for choice in tidied.get("anyOf", []) if choice != {"type": "null"}]
    if len(real) == 1:
        del tidied["anyOf"]
        tidied = real[0] | tidied
    return tidied


def _noise(key: str, value: Any) -> bool:
    return (key == "title" and isinstance(value, str)) or (key == "default" and value is None)
