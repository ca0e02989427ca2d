"""The verb 'resume'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption, MachinesArgument

EXAMPLES = """\b
Examples:
  devbox resume
  devbox resume api
"""


def resume(context: typer.Context, machines: MachinesArgument = None, as_json: JsonOption = False) -> None:
    """Let suspended machines go on where they were; stopped ones are started."""
    invocation: Invocation = context.obj
    with invocation.working("resume", as_json=as_json) as session:
        session.start(session.named(machines))
