"""The verb 'gc'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import JsonOption

EXAMPLES = """\b
Examples:
  devbox gc                 # what killed runs left, and images unused for 30 days
  devbox gc --older-than 0  # every image that no machine stands on
  devbox gc --dry-run
"""


def gc(
    context: typer.Context,
    older_than: Annotated[float, typer.Option(help="Remove unused images after this many days.")] = 30.0,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what nothing needs: leftovers of killed runs and images that no machine stands on."""
    from devbox.removal import collect
    from devbox.units import Size
    from devbox.views.console import show_json

    removed = collect(older_than_days=older_than, dry_run=dry_run)
    if as_json:
        show_json([item.as_json() for item in removed])
        return
    done = "would remove" if dry_run else "removed"
    for item in removed:
        typer.echo(f"{done} {item.what} '{item.name}' ({Size(item.bytes).mib} MiB)")
    total = Size(sum(item.bytes for item in removed)).mib
    typer.echo(f"{total} MiB {'could be freed' if dry_run else 'freed'}.")
