"""The command line: each verb is a module of this package, found by being there."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from devbox import __version__
from devbox.cli.invocation import Invocation

# Looking for plugins of pydantic, of which there are none, takes a twentieth of a second at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

_NOT_VERBS = {"invocation", "outcome"}

app = typer.Typer(
    name="devbox",
    help="Clean, real development environments in virtual machines, again and again.",
    epilog="Begin with 'devbox init' in your project, then 'devbox up'. 'devbox VERB --help' has examples.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"devbox {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    directory: Annotated[
        Path,
        typer.Option("-C", "--directory", help="Work as if started in this folder.", show_default=False),
    ] = Path(),
    events: Annotated[
        Path | None,
        typer.Option(help="Append each event of long work to this file, a JSON object a line."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Invocation(Path(os.path.abspath(directory)), events)


def verbs() -> list[str]:
    """The names of all verbs, from the modules that are there."""
    return sorted(
        found.name
        for found in pkgutil.iter_modules(__path__)
        if found.name not in _NOT_VERBS and not found.name.startswith("_")
    )


def _register() -> None:
    for verb in verbs():
        module = importlib.import_module(f"{__name__}.{verb}")
        if group := getattr(module, "group", None):  # a verb with verbs of its own
            app.add_typer(group, name=verb, epilog=getattr(module, "EXAMPLES", None))
            continue
        function = getattr(module, verb)
        app.command(name=verb, epilog=getattr(module, "EXAMPLES", None))(function)


_register()


def main() -> None:
    """The program 'devbox'."""
    from devbox.cli.outcome import run

    sys.exit(run(app))
