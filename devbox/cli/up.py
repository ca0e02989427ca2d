"""The verb 'up'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import ColdOption, Invocation, JsonOption, StrategyOption, YesOption, agree

EXAMPLES = """\b
Examples:
  devbox up                 # from devbox.yml to running, provisioned machines
  devbox up --yes           # also where the plan replaces a machine
  devbox up --cold          # boot every machine, clone none
  devbox --events up.jsonl up
"""


def up(
    context: typer.Context,
    yes: YesOption = False,
    cold: ColdOption = False,
    as_json: JsonOption = False,
    strategy: StrategyOption = "",
) -> None:
    """Make everything as devbox.yml says: build, create, start, provision; do nothing that is done."""
    from devbox.listing import summary

    invocation: Invocation = context.obj
    with invocation.working("up", as_json=as_json) as session:
        decision = session.plan(cold=cold)
        agree(decision.plan.losses, yes=yes, what="'devbox up'")
        session.apply(decision, strategy=strategy)
        ready = summary(session)
    if not as_json:
        typer.echo(ready)
