"""The verb 'plan'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox plan               # what 'devbox up' would do, and what it costs
  devbox plan --json | jq .summary
"""


def plan(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show what 'devbox up' would change, why, and what it costs; change nothing."""
    from devbox.views.console import out, show_json
    from devbox.views.plan import show_plan

    invocation: Invocation = context.obj
    decided = invocation.session().plan().plan
    if as_json:
        show_json(decided.as_json())
    else:
        show_plan(decided, out())
