"""The verb 'scrub'."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption, YesOption

if TYPE_CHECKING:
    from devbox.scrub.engine import Request
    from devbox.scrub.report import Report

EXAMPLES = """\b
Examples:
  devbox scrub --list                        # what there is to be taken away, and why
  devbox scrub disk.qcow2 --dry-run          # every path with its operation
  devbox scrub disk.qcow2 --recover-to disk.age --recipient ~/.ssh/id_ed25519.pub
  devbox scrub disk.qcow2 --output clean.qcow2 --yes --operations all
  devbox scrub web --recover-to web.age --recipient age1... --keep /var/log
"""


def scrub(  # noqa: PLR0913, PLR0917 - each option is a parameter
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(metavar="[MACHINE|IMAGE|DIRECTORY]", help="A running machine, a disk image, a tree."),
    ] = "",
    listing: Annotated[bool, typer.Option("--list", help="List the operations and their sets.")] = False,
    operations: Annotated[
        str, typer.Option(metavar="NAME,...", help="Only these operations and sets; -NAME leaves one out.")
    ] = "",
    keep: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Leave this path with all below it alone.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only list every path with its operation.")] = False,
    recover_to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="First copy all that goes into this encrypted file.")
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Who can open it: an SSH public key, age1..., or a file of them."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the scrubbed image goes; else in its place.")
    ] = None,
    verify: Annotated[
        bool, typer.Option(help="Read the scrubbed image byte by byte for what is left.")
    ] = True,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report there too, as JSON.")
    ] = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take away keys, passwords, identity and traces, and prove that they are gone."""
    from devbox.scrub.operations import chosen

    if listing:
        _list(as_json=as_json)
        return
    words = [word.strip() for word in operations.split(",") if word.strip()]
    request = _request(chosen(words), keep or [], recover_to, recipient or [], dry_run=dry_run, yes=yes)
    done = _scrub(context.obj, target, output, request, verify=verify)
    _show(done, report, as_json=as_json)
    if not done.good:
        raise typer.Exit(1)


def _request(
    operations: tuple[object, ...],
    keep: list[str],
    recover_to: Path | None,
    recipient: list[str],
    *,
    dry_run: bool,
    yes: bool,
) -> Request:
    import os

    from devbox.errors import Refused
    from devbox.scrub.engine import Request
    from devbox.scrub.keys import recipients

    if recover_to is None and not (dry_run or yes):
        raise Refused(
            "What is taken away would be gone for good.",
            advice="Name '--recover-to FILE --recipient KEY' to be able to undo it, or agree with '--yes'.",
        )
    if recover_to is not None and recover_to.exists():
        raise Refused(f"The recovery file '{recover_to}' exists already.", advice="Choose another name.")
    to = recipients(recipient) if recover_to is not None and not dry_run else []
    return Request(
        operations=operations,  # type: ignore[arg-type]  # its type is imported late
        keep=tuple(os.fsencode(path) for path in keep),
        recovery=recover_to,
        recipients=to,
        dry_run=dry_run,
    )


def _scrub(
    invocation: Invocation, target: str, output: Path | None, request: Request, *, verify: bool
) -> Report:
    """A name with a slash or of a file that is there is a path; all else is a machine."""
    from devbox.errors import Refused

    path = invocation.directory / target
    if not target:
        raise Refused("Nothing was named to be scrubbed.", advice="Name a machine, a disk image or a folder.")
    if output is not None and not path.is_file():
        raise Refused("'--output' is for disk images only.")
    if path.is_file():
        from devbox.paths import Home
        from devbox.scrub.image import scrub_image

        if output is None and path.resolve().is_relative_to(Home.default().root.resolve()):
            raise Refused(
                f"The disk '{target}' is one that devbox keeps, and others may stand on it.",
                advice="Name another file with '--output FILE'.",
            )
        return scrub_image(path, output or path, request, verify=verify)
    if path.is_dir():
        from devbox.scrub.engine import scrub as scrub_target
        from devbox.scrub.folder import FolderTarget
        from devbox.scrub.rooted import Root

        if path.resolve() == Path("/"):
            raise Refused("'/' is this host itself; devbox does not scrub it.")
        with Root(path) as root:
            return scrub_target(FolderTarget(root, target), request)
    if "/" in target:
        raise Refused(f"There is neither a disk image nor a folder '{target}'.")
    from devbox.scrub.live import scrub_machine

    with invocation.session().connected(target) as connection:
        return scrub_machine(connection, target, request)


def _list(*, as_json: bool) -> None:
    from devbox.scrub.operations import catalogue
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    rows = [
        {
            "operation": one.name,
            "set": str(one.set),
            "default": one.default,
            "summary": one.summary,
            "reason": one.reason,
        }
        for one in catalogue()
    ]
    if as_json:
        show_json(rows)
        return
    shown = (
        (row["operation"], row["set"], "on" if row["default"] else "off", row["summary"]) for row in rows
    )
    show_table(out(), ("OPERATION", "SET", "DEFAULT", "TAKES AWAY"), shown)


def _show(done: Report, file: Path | None, *, as_json: bool) -> None:
    import json

    from devbox.views.console import show_json

    if file is not None:
        file.write_text(json.dumps(done.as_json(), indent=2) + "\n")
    if as_json:
        show_json(done.as_json())
    else:
        typer.echo(done.as_text(every_path=done.dry_run))
