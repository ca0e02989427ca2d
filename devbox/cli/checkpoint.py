"""The verbs below 'checkpoint'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox checkpoint save before-upgrade
  devbox checkpoint list
  devbox reset --to before-upgrade
  devbox checkpoint delete before-upgrade
"""

group = typer.Typer(
    help="Save all machines as they run, to go back there with 'devbox reset --to NAME'.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The checkpoint's name.")]


@group.command()
def save(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Put all machines on disk, with RAM, at the same moment; they go on at once."""
    invocation: Invocation = context.obj
    with invocation.working("checkpoint save", as_json=as_json) as session:
        session.save(name)


@group.command(name="list")
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the environment's checkpoints, the oldest first."""
    from devbox.listing import checkpoint_rows
    from devbox.units import Size
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    invocation: Invocation = context.obj
    rows = checkpoint_rows(invocation.session())
    if as_json:
        show_json(rows)
        return
    shown = (
        (row["name"], row["saved"], ", ".join(row["machines"]), f"{Size(row['bytes']).mib} MiB")
        for row in rows
    )
    show_table(out(), ("NAME", "SAVED", "MACHINES", "SIZE"), shown)


@group.command()
def delete(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Remove a checkpoint; a disk that machines still stand on stays until they are reset."""
    invocation: Invocation = context.obj
    with invocation.working("checkpoint delete", as_json=as_json) as session:
        session.delete_checkpoint(name)
