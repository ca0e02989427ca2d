"""The verb 'destroy'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption, YesOption, agree

EXAMPLES = """\b
Examples:
  devbox destroy            # this folder's environment, after asking
  devbox destroy --yes --name glance-dev    # by name, also when its devbox.yml is gone
"""


def destroy(
    context: typer.Context,
    yes: YesOption = False,
    as_json: JsonOption = False,
    name: Annotated[str, typer.Option(help="The environment, instead of this folder's.")] = "",
) -> None:
    """Remove the environment's machines, disks and keys; images stay for the next time."""
    from devbox.removal import checkpoints_of, destroy_environment, environment_machines

    invocation: Invocation = context.obj
    chosen = name or invocation.session().environment.name
    machines = environment_machines(chosen)
    losses = [f"machine.{machine}: everything on its disk" for machine in machines]
    losses += [f"checkpoint.{checkpoint}: what was saved" for checkpoint in checkpoints_of(chosen)]
    agree(losses, yes=yes, what="'devbox destroy'")
    with invocation.emitting(as_json=as_json) as emit:
        destroy_environment(chosen, emit)
    if not as_json:
        gone = "was removed" if machines else "had no machines; nothing of it is left"
        typer.echo(f"The environment '{chosen}' {gone}.")
