"""The verb 'stop'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption, MachinesArgument

EXAMPLES = """\b
Examples:
  devbox stop               # disks and everything on them stay; 'devbox start' goes on
  devbox stop api --timeout 5
"""


def stop(
    context: typer.Context,
    machines: MachinesArgument = None,
    as_json: JsonOption = False,
    timeout: Annotated[float, typer.Option(help="Seconds until the plug is pulled.")] = 60.0,
) -> None:
    """Power machines off and keep their disks."""
    invocation: Invocation = context.obj
    with invocation.working("stop", as_json=as_json) as session:
        session.stop(session.named(machines), timeout)
