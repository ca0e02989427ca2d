"""A failure as people read it: what, details, what to do next."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from devbox.errors import DevboxError


def show_failure(error: DevboxError, console: Console) -> None:
    """Print the error; its texts are shown as they are, never read as markup."""
    console.print(Text.assemble(("error: ", "bold red"), error.message))
    for line in error.details.splitlines():
        console.print(Text(f"  {line}", style="dim"))
    if error.advice:
        console.print(Text.assemble(("next: ", "bold"), error.advice))
