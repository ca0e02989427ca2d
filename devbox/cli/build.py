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
    from dataclasses import replace

    from devbox.build import digest_of, obtain_image
    from devbox.errors import Refused
    from devbox.paths import Home, shipped
    from devbox.reading.boxes import load_boxes
    from devbox.reading.parsing import NAME
    from devbox.reading.pins import pin, pinned

    invocation: Invocation = context.obj
    folder = invocation.directory
    known = pinned(load_boxes([folder / "boxes", shipped("boxes")]), folder)
    if box not in known:
        raise Refused(f"There is no box '{box}'.", advice=f"There are: {', '.join(sorted(known))}.")
    chosen, home = known[box], Home.default()
    if force and chosen.origin:  # what the project agreed on is what is to be moved
        chosen = replace(chosen, origin=replace(chosen.origin, locked=""))
    with invocation.emitting(as_json=as_json) as emit:
        image = obtain_image(chosen, home, emit, fresh=force)
    if chosen.origin and not chosen.origin.digest and (folder / NAME).exists():
        pin(folder, {box: digest_of(home, image.key)})
    if not as_json:
        typer.echo(f"The image of '{box}' is in '{image.folder}'.")
