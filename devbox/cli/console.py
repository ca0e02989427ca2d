"""The verb 'console'."""

from __future__ import annotations

import os

import typer

from devbox.cli.invocation import Invocation, MachineArgument

EXAMPLES = """\b
Examples:
  devbox console api        # Ctrl-] leaves it
"""


def console(context: typer.Context, machine: MachineArgument) -> None:
    """Join the terminal to the machine's serial console, as when SSH does not answer."""
    from devbox.process import missing, which

    invocation: Invocation = context.obj
    session = invocation.session()
    name = session.machine_named(machine)
    session.require_running(name)
    argv = session.world.provider.console_command(session.domain(name))
    program = which(argv[0])
    if program is None:
        raise missing(argv[0])
    os.execv(program, argv)
