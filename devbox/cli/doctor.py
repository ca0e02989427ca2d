"""The verb 'doctor'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import JsonOption
from devbox.errors import Exit

EXAMPLES = """\b
Examples:
  devbox doctor             # exit status 1 if something must be mended
"""

_SIGNS = {"ok": "✓", "warning": "!", "problem": "✗"}


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check this host and name the command that mends each finding."""
    from devbox.listing import examine_host
    from devbox.views.console import out, show_json

    findings = [finding.as_json() for finding in examine_host()]
    if as_json:
        show_json(findings)
    else:
        console = out()
        for finding in findings:
            console.print(
                f"{_SIGNS[finding['level']]} {finding['name']}: {finding['sentence']}", markup=False
            )
            if finding["command"]:
                console.print(f"    mend it with: {finding['command']}", markup=False)
    if any(finding["level"] == "problem" for finding in findings):
        raise typer.Exit(Exit.FAILED)
