"""The verb 'status'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox status
  devbox status --all --json
"""


def status(
    context: typer.Context,
    as_json: JsonOption = False,
    every: Annotated[bool, typer.Option("--all", help="Every environment of this user.")] = False,
) -> None:
    """Show the machines: state, address, and where the host reaches them."""
    from devbox.listing import all_machine_rows, machine_rows
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    invocation: Invocation = context.obj
    rows = all_machine_rows() if every else machine_rows(invocation.session())
    if as_json:
        show_json(rows)
        return
    headings = ("MACHINE", "STATE", "ADDRESS", "PLAYBOOKS", "REACHED AT")
    shown = ((row["name"], row["state"], row["ip"], row["playbooks"], " ".join(row["urls"])) for row in rows)
    show_table(out(), headings, shown)
