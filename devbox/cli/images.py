"""The verb 'images'."""

from __future__ import annotations

import typer

from devbox.cli.invocation import JsonOption

EXAMPLES = """\b
Examples:
  devbox images
  devbox images --json
"""


def images(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the images in the store: box, size, last use, and how many machines stand on each."""
    from devbox.listing import image_rows
    from devbox.units import Size
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    rows = image_rows()
    if as_json:
        show_json(rows)
        return
    shown = (
        (
            row["box"],
            row["key"][:12],
            f"{Size(row['bytes']).mib} MiB",
            f"{row['days_unused']:.0f} days ago",
            row["machines"],
        )
        for row in rows
    )
    show_table(out(), ("BOX", "KEY", "SIZE", "LAST USED", "MACHINES"), shown)
