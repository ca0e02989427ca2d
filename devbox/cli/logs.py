"""The verb 'logs'."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation

EXAMPLES = """\b
Examples:
  devbox logs               # the last Ansible run
  devbox logs api           # the machine's serial console
  devbox logs api --follow
"""


def logs(
    context: typer.Context,
    machine: Annotated[
        str, typer.Argument(help="A machine's console; without one, the last playbook run.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Only the last lines; 0 for all.")] = 0,
) -> None:
    """Show the log of the last playbook run, or a machine's serial console."""
    invocation: Invocation = context.obj
    path = invocation.session().log_file(machine)
    with path.open(encoding="utf-8", errors="replace") as log:
        text = log.read()
        shown = text.splitlines(keepends=True)[-lines:] if lines else [text]
        typer.echo("".join(shown), nl=False)
        while follow:
            if more := log.read():
                typer.echo(more, nl=False)
            else:
                time.sleep(0.2)
