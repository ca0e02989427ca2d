"""The verb 'gc'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from devbox.cli.invocation import JsonOption

if TYPE_CHECKING:
    from devbox.seals import Damaged
    from devbox.units import Size

EXAMPLES = """\b
Examples:
  devbox gc                   # what killed runs left, and what was unused for 30 days
  devbox gc --older-than 0    # everything that no machine or saved checkpoint stands on
  devbox gc --max-size 20GiB  # also the least recently used, until the store is that small
  devbox gc --damaged         # also what is not as it was made
  devbox gc --dry-run
"""


def gc(
    context: typer.Context,
    older_than: Annotated[float, typer.Option(help="Remove what was unused for this many days.")] = 30.0,
    max_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Shrink the store to this size, such as 20GiB.")
    ] = "",
    damaged: Annotated[
        bool, typer.Option("--damaged", help="Read everything; remove what is damaged.")
    ] = False,
    dry_run: Annotated[bool, typer.Option(help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what nothing needs: leftovers of killed runs, and images, layers, templates and checkpoints
    that no machine or saved checkpoint stands on.
    """
    from devbox.removal import collect
    from devbox.units import Size
    from devbox.views.console import show_json

    limit = _size(max_size) if max_size else None
    collected = collect(older_than_days=older_than, dry_run=dry_run, max_size=limit, damaged=damaged)
    if as_json:
        show_json([item.as_json() for item in collected.removed])
    else:
        done = "would remove" if dry_run else "removed"
        for item in collected.removed:
            typer.echo(f"{done} {item.what} '{item.name}' ({Size(item.bytes).mib} MiB)")
        total = Size(sum(item.bytes for item in collected.removed)).mib
        typer.echo(f"{total} MiB {'could be freed' if dry_run else 'freed'}.")
    if collected.damaged:
        _tell(collected.damaged)


def _size(text: str) -> Size:
    from devbox.errors import Refused
    from devbox.units import Size

    try:
        return Size.parse(text)
    except ValueError as error:
        raise Refused(f"The option '--max-size' was not understood: {error}.") from error


def _tell(damaged: list[Damaged]) -> None:
    from devbox.errors import DevboxError

    count = "One damaged thing stays" if len(damaged) == 1 else f"{len(damaged)} damaged things stay"
    raise DevboxError(
        f"{count}, because machines or saved checkpoints stand on what is there.",
        details="\n".join(f"{one.message} {one.details}".rstrip() for one in damaged),
        advice="'devbox images --tree' shows what stands on them; destroy that, then 'devbox gc --damaged'.",
    )
