"""The verb 'init'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation

EXAMPLES = """\b
Examples:
  devbox init               # a commented devbox.yml in this folder, with a free network
  devbox init --name shop
"""


def init(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The environment's name; the folder's when left out.")] = "",
) -> None:
    """Write a first devbox.yml for this folder; an existing one is never touched."""
    from devbox.session import write_starter

    invocation: Invocation = context.obj
    path = write_starter(invocation.directory, name)
    typer.echo(f"Wrote '{path}'. Edit it, then run 'devbox up'.")
