"""The verb 'playbooks'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox playbooks
"""


def playbooks(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the playbooks that devbox.yml can name: the project's own, then devbox's."""
    from devbox.listing import playbook_rows
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    invocation: Invocation = context.obj
    rows = playbook_rows(invocation.directory)
    if as_json:
        show_json(rows)
    else:
        show_table(out(), ("PLAYBOOK", "SUMMARY"), ((row["name"], row["summary"]) for row in rows))
