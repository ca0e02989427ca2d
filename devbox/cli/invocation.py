"""What the options before the verb chose, and how a verb gets to its environment."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devbox.cli.outcome import leave_at_once

if TYPE_CHECKING:
    from devbox.events import Emit
    from devbox.session import Session

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Agree to what would be deleted.")]
MachinesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[MACHINE]...", help="Only these machines; all when none is named."),
]
MachineArgument = Annotated[str, typer.Argument(metavar="MACHINE", help="The machine's name.")]
ColdOption = Annotated[bool, typer.Option("--cold", help="Boot machines instead of cloning them.")]
StrategyOption = Annotated[
    str, typer.Option(help="Ansible strategy; empty chooses Mitogen's where it works.", show_default=False)
]


@dataclass(frozen=True)
class Invocation:
    directory: Path
    events: Path | None = None

    def session(self) -> Session:
        """The environment of this folder, only to be looked at."""
        from devbox.session import open_session

        return open_session(self.directory)

    @contextmanager
    def emitting(self, *, as_json: bool = False) -> Iterator[Emit]:
        """An Emit that shows progress (JSON lines on standard output with ``as_json``)."""
        from devbox.views.console import err
        from devbox.views.progress import JsonLines, Progress, appending, fan_out

        with ExitStack() as stack:
            stack.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, leave_at_once))
            shown: Emit = JsonLines(sys.stdout) if as_json else stack.enter_context(Progress(err()))
            if self.events:
                shown = fan_out(shown, stack.enter_context(appending(self.events)))
            yield shown

    @contextmanager
    def working(self, doing: str, *, as_json: bool = False) -> Iterator[Session]:
        """The environment of this folder, locked for changes, with progress shown."""
        from devbox.session import open_session

        with self.emitting(as_json=as_json) as emit:
            session = open_session(self.directory, emit)
            with session.locked(doing):
                yield session


def agree(losses: list[str], *, yes: bool, what: str) -> None:
    """Ask before data is lost; without a terminal, refuse and say how to agree."""
    from devbox.errors import Refused

    if yes or not losses:
        return
    lines = "\n".join(losses)
    if not sys.stdin.isatty():
        raise Refused(
            f"{what} would delete data; nothing was changed.", details=lines, advice="Add --yes to agree."
        )
    typer.echo(lines, err=True)
    typer.confirm(f"{what} deletes this. Go on?", abort=True, err=True)
