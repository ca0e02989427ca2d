"""The verbs below 'workarounds'."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devbox.cli.invocation import Invocation, JsonOption

if TYPE_CHECKING:
    from devbox.workarounds.entry import Entry

EXAMPLES = """\b
Examples:
  devbox workarounds list
  devbox workarounds show qpidd-cluster-mechanism
  devbox workarounds check api
  devbox workarounds explain "Bad argument: |cluster-mechanism=DIGEST-MD5 ANONYMOUS|"
  journalctl -b | devbox workarounds explain -
"""

group = typer.Typer(
    help="Known defects of distributions and packages: what there is, and whether a machine has them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _names(context: typer.Context, incomplete: str) -> list[str]:
    from devbox.workarounds.catalogue import known_names

    return [name for name in known_names(_project(_directory(context))) if name.startswith(incomplete)]


def _machines(context: typer.Context, incomplete: str) -> list[str]:
    from devbox.errors import DevboxError
    from devbox.reading.include import read_all
    from devbox.reading.parsing import find_file

    try:
        machines = read_all(find_file(_directory(context))).root.get("machines")
    except DevboxError:
        return []
    named = machines if isinstance(machines, dict) else {}
    return [name for name in named if name.startswith(incomplete)]


def _directory(context: typer.Context) -> Path:
    """A shell that asks for completion runs no callback, so there is no Invocation."""
    return Path(context.find_root().params.get("directory") or ".").absolute()


def _project(directory: Path) -> Path:
    """The folder of the nearest devbox.yml, else the one where the user is."""
    from devbox.errors import Refused
    from devbox.reading.parsing import find_file

    try:
        return find_file(directory).parent
    except Refused:
        return directory


def _entries(context: typer.Context) -> dict[str, Entry]:
    from devbox.workarounds.catalogue import folders_of, load_catalogue

    invocation: Invocation = context.obj
    return load_catalogue(folders_of(_project(invocation.directory)))


NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The entry's name.", autocompletion=_names)]
NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...", help="Only these entries; all when none is named.", autocompletion=_names
    ),
]
CheckedArgument = Annotated[
    str, typer.Argument(metavar="MACHINE", help="The machine's name.", autocompletion=_machines)
]
TextArgument = Annotated[
    str, typer.Argument(metavar="TEXT", help="What was said; '-' reads it from standard input.")
]


@group.command(
    name="list",
    epilog="\b\nExamples:\n  devbox workarounds list\n  devbox workarounds list --json | jq -r '.[].name'\n",
)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the catalogue: the project's own entries and devbox's."""
    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table

    entries = _entries(context).values()
    if as_json:
        show_json([entry.as_json() for entry in entries])
    else:
        rows = ((entry.name, entry.status, entry.summary) for entry in entries)
        show_table(out(), ("WORKAROUND", "STATUS", "SUMMARY"), rows)


@group.command(epilog="\b\nExamples:\n  devbox workarounds show debian-uwsgi-processes\n")
def show(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Show one entry: symptoms, what is wrong, what it affects, when it may go."""
    from devbox.views.console import show_json
    from devbox.views.workaround import workaround_text
    from devbox.workarounds.catalogue import find

    entry = find(name, _entries(context))
    if as_json:
        show_json(entry.as_json())
    else:
        typer.echo(workaround_text(entry))


@group.command(
    epilog="\b\nExamples:\n  devbox workarounds check api\n"
    "  devbox workarounds check api debian-uwsgi-processes --json\n"
)
def check(
    context: typer.Context,
    machine: CheckedArgument,
    names: NamesArgument = None,
    as_json: JsonOption = False,
) -> None:
    """Look on a running machine for each defect and say why it is there or not; change nothing."""
    from dataclasses import asdict

    from devbox.views.console import out, show_json
    from devbox.views.tables import show_table
    from devbox.workarounds.catalogue import find

    invocation: Invocation = context.obj
    entries = _entries(context)
    chosen = [find(name, entries).name for name in names or entries]
    with invocation.working("workarounds check") as session:
        reports = session.look_for(chosen, machine)
    if as_json:
        show_json([asdict(report) for report in reports])
    else:
        rows = ((report.name, report.outcome, report.reason) for report in reports)
        show_table(out(), ("WORKAROUND", "OUTCOME", "BECAUSE"), rows)


@group.command(
    epilog='\b\nExamples:\n  devbox workarounds explain "Could not find user: =."\n'
    "  journalctl -b | devbox workarounds explain -\n"
)
def explain(context: typer.Context, text: TextArgument, as_json: JsonOption = False) -> None:
    """Find the entries that a pasted error message or log speaks of, the best first."""
    from devbox.errors import DevboxError
    from devbox.views.console import show_json
    from devbox.views.workaround import workaround_text
    from devbox.workarounds.symptoms import explain as find_in

    pasted = sys.stdin.buffer.read().decode(errors="replace") if text == "-" else text
    found = find_in(pasted, _entries(context).values())
    if as_json:
        show_json([{**one.entry.as_json(), "met": one.met.symptom} for one in found])
    elif found:
        typer.echo("\n\n".join(workaround_text(one.entry, one.met.symptom) for one in found))
    if not found:
        raise DevboxError(
            "No workaround has a symptom that is in this text.",
            advice="Paste the line that names the error, without what your shell may have changed in it "
            "('-' reads a whole log from standard input), or look through 'devbox workarounds list'.",
        )
