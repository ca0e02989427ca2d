"""The verb 'start'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption, MachinesArgument

EXAMPLES = """\b
Examples:
  devbox start
  devbox start api
"""


def start(context: typer.Context, machines: MachinesArgument = None, as_json: JsonOption = False) -> None:
    """Start stopped machines with their own disks and wait until they are ready."""
    invocation: Invocation = context.obj
    with invocation.working("start", as_json=as_json) as session:
        session.start(session.named(machines))
