"""The verb 'recover'."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

EXAMPLES = """\b
Examples:
  devbox recover web.age --identity ~/.ssh/id_ed25519 --to web      # a running machine
  devbox recover disk.age --identity key.txt --to /mnt/disk         # a folder
  devbox recover disk.age --identity key.txt --list
  age -d -i ~/.ssh/id_ed25519 web.age | tar xp --xattrs -C DIR      # the same without devbox
"""


def recover(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The recovery file.")],
    identity: Annotated[Path, typer.Option(metavar="KEY", help="The private key of one of its recipients.")],
    to: Annotated[str, typer.Option(metavar="MACHINE|DIRECTORY", help="Where everything is put back.")] = "",
    listing: Annotated[bool, typer.Option("--list", help="Only list what is in it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put back what 'scrub' took away, exactly as it was.

    Files of the dcm-agent scrubber are recognized too.
    """
    from devbox.errors import Refused
    from devbox.scrub.report import shown

    if bool(to) == listing:
        raise Refused("Name either '--to MACHINE|DIRECTORY' or '--list'.")
    invocation: Invocation = context.obj
    paths = _listed(file, identity) if listing else _put_back(invocation, file, identity, to)
    if as_json:
        from devbox.views.console import show_json

        show_json([shown(path) for path in paths])
    elif listing:
        typer.echo("\n".join(shown(path) for path in paths))
    else:
        typer.echo(f"{len(paths)} paths are as they were.")


def _listed(file: Path, identity: Path) -> list[bytes]:
    from devbox.scrub import legacy
    from devbox.scrub.keys import identities
    from devbox.scrub.members import path_of
    from devbox.scrub.recovery import checked

    if legacy.is_legacy(file):
        return legacy.listed(file, identity)
    return [path_of(name) for name in checked(file, identities(file=identity, ask=_ask))["digests"]]


def _put_back(invocation: Invocation, file: Path, identity: Path, to: str) -> list[bytes]:
    from devbox.scrub import legacy
    from devbox.scrub.keys import identities
    from devbox.scrub.restoring import restore
    from devbox.scrub.rooted import Root

    folder = invocation.directory / to
    if folder.is_dir():
        with Root(folder) as root:
            if legacy.is_legacy(file):
                return legacy.restore(file, identity, root)
            return restore(file, identities(identity, _ask), root)
    from devbox.errors import Refused

    if legacy.is_legacy(file):
        raise Refused(f"'{file}' is a file of the dcm-agent scrubber; it can be put into a folder only.")
    if "/" in to:
        raise Refused(f"There is no folder '{to}'.")
    from devbox.scrub.live import restore_machine

    by = identities(identity, _ask)
    with invocation.session().connected(to) as connection:
        return restore_machine(connection, file, by)


def _ask(file: Path) -> str:
    import sys

    from devbox.errors import Refused

    if not sys.stdin.isatty():
        raise Refused(
            f"The identity '{file}' is protected by a passphrase, and there is no terminal to ask for it.",
            advice="Run this in a terminal.",
        )
    return str(typer.prompt(f"Passphrase of {file}", hide_input=True, err=True))
