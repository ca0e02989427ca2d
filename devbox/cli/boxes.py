"""The verb 'boxes'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox boxes
"""


def boxes(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the boxes that a machine can stand on: the project's own, then devbox's."""
    from devbox.listing import box_rows
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    invocation: Invocation = context.obj
    rows = box_rows(invocation.directory)
    if as_json:
        show_json(rows)
    else:
        shown = ((row["name"], row["state"], row["summary"]) for row in rows)
        show_table(out(), ("BOX", "IMAGE", "SUMMARY"), shown)
