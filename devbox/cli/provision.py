"""The verb 'provision'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import Invocation, JsonOption, StrategyOption

EXAMPLES = """\b
Examples:
  devbox provision          # all playbooks again, in one Ansible run over all machines
  devbox provision --strategy linear
"""


def provision(context: typer.Context, as_json: JsonOption = False, strategy: StrategyOption = "") -> None:
    """Run the playbooks again over the running machines."""
    invocation: Invocation = context.obj
    with invocation.working("provision", as_json=as_json) as session:
        session.provision(strategy=strategy)
