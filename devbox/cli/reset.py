"""The verb 'reset'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import ColdOption, Invocation, JsonOption, MachinesArgument, StrategyOption

EXAMPLES = """\b
Examples:
  devbox reset              # all machines, back to freshly made and provisioned
  devbox reset db           # only this one
  devbox reset --to before-upgrade   # a checkpoint that 'devbox checkpoint save' made
"""


def reset(
    context: typer.Context,
    machines: MachinesArgument = None,
    as_json: JsonOption = False,
    to: Annotated[
        str, typer.Option(help="What to go back to: 'ready', 'base', 'baked' or a checkpoint's name.")
    ] = "ready",
    cold: ColdOption = False,
    strategy: StrategyOption = "",
) -> None:
    """Throw the machines' disks away and take them back to what they were.

    To 'ready', freshly made and provisioned, from the checkpoint where there is one; to the bare image
    ('base'); to the image with what was baked ('baked'); or to a checkpoint that was saved.
    """
    from devbox.listing import summary

    invocation: Invocation = context.obj
    with invocation.working("reset", as_json=as_json) as session:
        decision = session.plan_reset(session.named(machines), to, cold=cold)
        session.apply(decision, strategy=strategy)
        ready = summary(session)
    if not as_json:
        typer.echo(ready)
