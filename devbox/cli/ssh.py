"""The verb 'ssh'."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation

EXAMPLES = """\b
Examples:
  devbox ssh                # the only machine, or the first
  devbox ssh api
  devbox ssh api -- -L 8080:localhost:80
"""


def ssh(
    context: typer.Context,
    machine: Annotated[str, typer.Argument(help="The machine; the first one when left out.")] = "",
    options: Annotated[list[str] | None, typer.Argument(metavar="[-- SSH_OPTION...]")] = None,
) -> None:
    """Log in with OpenSSH; the machine's host key is pinned."""
    from devbox.process import missing, which

    invocation: Invocation = context.obj
    session = invocation.session()
    name = session.machine_named(machine)
    session.require_running(name)
    program = which("ssh")
    if program is None:
        raise missing("ssh")
    config = str(session.world.paths.ssh_config)
    os.execv(program, ["ssh", "-F", config, *(options or []), session.domain(name)])
