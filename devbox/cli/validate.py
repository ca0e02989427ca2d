"""The verb 'validate'."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox validate
  devbox validate --schema > devbox.schema.json      # for your editor
"""


class Schema(StrEnum):
    """Files that have a schema."""

    ENVIRONMENT = "environment"
    BOX = "box"


def validate(
    context: typer.Context,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON schema instead.")] = False,
    of: Annotated[Schema, typer.Option(help="Which file's schema.")] = Schema.ENVIRONMENT,
    as_json: JsonOption = False,
) -> None:
    """Check devbox.yml and everything it names; every mistake at once, nothing is touched."""
    invocation: Invocation = context.obj
    if schema:
        from devbox.reading.schema_export import schema_text

        typer.echo(schema_text(of.value), nl=False)
        return
    environment = invocation.session().environment
    if as_json:
        from devbox.views.console import show_json

        show_json({"valid": True, "name": environment.name, "file": str(environment.file)})
    else:
        count = len(environment.machines)
        machines = "1 machine" if count == 1 else f"{count} machines"
        typer.echo(f"'{environment.file}' is valid: environment '{environment.name}' with {machines}.")
