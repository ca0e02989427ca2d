"""The verb 'build'."""

from __future__ import annotations

from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox build debian-12
  devbox build debian-12 --force    # anew, with today's packages
"""


def build(
    context: typer.Context,
    box: Annotated[str, typer.Argument(help="The box; 'devbox boxes' lists them.")],
    force: Annotated[bool, typer.Option(help="Build it even where it exists; machines keep theirs.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Build a box's image, unless it is there already."""
    from devbox.build import obtain_image
    from devbox.errors import Refused
    from devbox.paths import Home, shipped
    from devbox.reading.boxes import load_boxes

    invocation: Invocation = context.obj
    known = load_boxes([invocation.directory / "boxes", shipped("boxes")])
    if box not in known:
        raise Refused(f"There is no box '{box}'.", advice=f"There are: {', '.join(sorted(known))}.")
    with invocation.emitting(as_json=as_json) as emit:
        image = obtain_image(known[box], Home.default(), emit, fresh=force)
    if not as_json:
        typer.echo(f"The image of '{box}' is in '{image.folder}'.")
