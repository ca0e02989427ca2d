"""The verb 'suspend'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption, MachinesArgument

EXAMPLES = """\b
Examples:
  devbox suspend            # RAM and disks stay on disk; 'devbox resume' goes on there
  devbox suspend api
"""


def suspend(context: typer.Context, machines: MachinesArgument = None, as_json: JsonOption = False) -> None:
    """Switch running machines off with all that runs in them kept on disk."""
    invocation: Invocation = context.obj
    with invocation.working("suspend", as_json=as_json) as session:
        session.suspend(session.named(machines))
