"""The verb 'reset'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption, MachinesArgument, StrategyOption

EXAMPLES = """\b
Examples:
  devbox reset              # all machines, back to freshly made and provisioned
  devbox reset db           # only this one
"""


def reset(
    context: typer.Context,
    machines: MachinesArgument = None,
    as_json: JsonOption = False,
    strategy: StrategyOption = "",
) -> None:
    """Throw the machines' disks away and make them anew from their images."""
    from devbox.listing import summary

    invocation: Invocation = context.obj
    with invocation.working("reset", as_json=as_json) as session:
        session.apply(session.plan(remake=session.named(machines)), strategy=strategy)
        ready = summary(session)
    if not as_json:
        typer.echo(ready)
