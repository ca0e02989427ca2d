"""The verb 'boxes'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox boxes
  devbox boxes --refresh              # which published images are newer than what is here
  devbox boxes fedora-43 --refresh
"""


def boxes(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BOX]...", help="Only these boxes; all when none is named."),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask what is published now, and what would change.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the boxes that a machine can stand on: the project's own, then devbox's."""
    from devbox.listing import box_rows
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    invocation: Invocation = context.obj
    if refresh:
        _refresh(invocation, names or [], as_json=as_json)
        return
    rows = box_rows(invocation.directory, names or [])
    if as_json:
        show_json(rows)
    else:
        shown = ((row["name"], row["state"], row["summary"]) for row in rows)
        show_table(out(), ("BOX", "IMAGE", "SUMMARY"), shown)


def _refresh(invocation: Invocation, names: list[str], *, as_json: bool) -> None:
    from devbox.listing import published_rows
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    with invocation.emitting() as emit:
        rows = published_rows(invocation.directory, names, emit)
    if as_json:
        show_json(rows)
        return
    shown = (
        (row["name"], row["state"], _short(row["has"]), row["problem"] or _short(row["published"]))
        for row in rows
    )
    show_table(out(), ("BOX", "IMAGE", "HERE", "PUBLISHED"), shown)
    if any(row["state"] == "newer" for row in rows):
        typer.echo("'devbox build BOX --force' fetches a newer one; machines keep theirs until then.")


def _short(digest: str) -> str:
    algorithm, colon, value = digest.partition(":")
    return f"{algorithm}{colon}{value[:12]}"
