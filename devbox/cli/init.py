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
    from devbox import host
    from devbox.errors import Refused
    from devbox.paths import Home
    from devbox.providers.choose import open_provider
    from devbox.reading.names import label
    from devbox.reading.parsing import NAME
    from devbox.reading.starter import free_network, starter
    from devbox.removal import networks

    invocation: Invocation = context.obj
    path = invocation.directory / NAME
    try:
        chosen = label(name or invocation.directory.name.lower().replace("_", "-"))
    except ValueError as error:
        raise Refused(f"{error}.", advice="Give one: 'devbox init --name NAME'.") from error
    taken = [route.network for route in host.routes()] + networks(open_provider(Home.default()))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(starter(chosen, free_network(taken)))
    except FileExistsError:
        raise Refused(f"'{path}' exists already.", advice="Edit it, or remove it first.") from None
    except OSError as error:
        raise Refused(f"'{path}' can't be written: {error.strerror}.") from error
    typer.echo(f"Wrote '{path}'. Edit it, then run 'devbox up'.")
