"""The verb 'exec'."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, MachineArgument

EXAMPLES = """\b
Examples:
  devbox exec api -- systemctl status ssh
  tar c src | devbox exec api -- tar x -C /tmp
  devbox exec api -- sh -c 'cd /opt/source/glance && git log -1'
"""


def exec(  # noqa: A001 - the verb's name
    context: typer.Context,
    machine: MachineArgument,
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="The command and its arguments.")
    ],
) -> None:
    """Run a command in a machine; its input, output and exit status are ours."""
    invocation: Invocation = context.obj
    with invocation.session().connected(machine) as connection:
        stdin = None if sys.stdin.isatty() else sys.stdin.buffer
        status = connection.execute(command, stdin=stdin, stdout=sys.stdout.buffer, stderr=sys.stderr.buffer)
    raise typer.Exit(status)
