"""The verb 'cp'."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation

EXAMPLES = """\b
Examples:
  devbox cp notes.txt api:/tmp/
  devbox cp api:/var/log/dpkg.log .
  devbox cp src/ api:/home/devbox/src
"""


def cp(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A path here, or MACHINE:PATH.")],
    destination: Annotated[str, typer.Argument(help="A path here, or MACHINE:PATH.")],
) -> None:
    """Copy files and folders to or from a machine."""
    from devbox.errors import Refused
    from devbox.guest.copying import copy_from, copy_to

    invocation: Invocation = context.obj
    session = invocation.session()
    (from_machine, from_path), (to_machine, to_path) = _split(source), _split(destination)
    if bool(from_machine) == bool(to_machine):
        raise Refused(
            f"Just one of '{source}' and '{destination}' must be in a machine.",
            advice="Write it as MACHINE:PATH, for example 'devbox cp notes.txt api:/tmp/'.",
        )
    with session.connected(from_machine or to_machine) as connection:
        if to_machine:
            copy_to(connection, invocation.directory / from_path, to_path)
        else:
            copy_from(connection, from_path, invocation.directory / to_path)


def _split(text: str) -> tuple[str, str]:
    """A machine and a path; the machine is empty for a path here (also one with a colon after a slash)."""
    machine, colon, path = text.partition(":")
    if colon and machine and "/" not in machine and not Path(text).exists():
        return machine, path or "."
    return "", text
