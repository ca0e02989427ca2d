"""The reference of the command line, written from the program itself: docs/reference.md."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from devbox.cli import app
from devbox.errors import Exit

_MARK = "\b"  # the argument parser's sign for text that must not be filled
_MEANING = {
    Exit.DONE: "it is done",
    Exit.FAILED: "it failed; the message says why and what to do next",
    Exit.BAD_INPUT: "the input was wrong or can't be met here; nothing was touched",
    Exit.BUG: "a bug of devbox; the message says where its log is",
    Exit.INTERRUPTED: "interrupted; the same command goes on from there",
}


def reference() -> str:
    """The whole page as Markdown."""
    group: Any = typer.main.get_command(app)
    context = group.make_context("devbox", [], resilient_parsing=True)
    parts = [
        "# Reference",
        "Written by `make docs` from the program; a test keeps them equal.",
        _command("devbox", group, context),
        _statuses(),
        *_verbs("devbox", group, context),
    ]
    return "\n\n".join(parts) + "\n"


def _verbs(title: str, group: Any, context: Any) -> Iterator[str]:
    """Each verb of the group, and after it the verbs that it has itself."""
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        inside = type(context)(command, info_name=name, parent=context)
        yield _command(f"{title} {name}", command, inside)
        if hasattr(command, "commands"):
            yield from _verbs(f"{title} {name}", command, inside)


def _command(title: str, command: Any, context: Any) -> str:
    """Its name, caption, usage, parameters and examples."""
    usage = " ".join([title, *command.collect_usage_pieces(context)])
    parts = [f"## {title}", _text(command.help), f"    {usage}"]
    rows = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    if rows:
        parts.append("| | |\n|---|---|\n" + "\n".join(f"| `{_cell(a)}` | {_cell(b)} |" for a, b in rows))
    if examples := _text(command.epilog):
        lines = [line.strip() for line in examples.splitlines() if line.strip() != "Examples:"]
        code = [line for line in lines if line]
        parts.append("\n".join(f"    {line}" for line in code) if _MARK in command.epilog else examples)
    return "\n\n".join(part for part in parts if part)


def _text(text: str | None) -> str:
    return inspect.cleandoc((text or "").replace(_MARK, "")).strip()


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def _statuses() -> str:
    rows = "\n".join(f"| {int(status)} | {meaning} |" for status, meaning in _MEANING.items())
    return f"## Exit statuses\n\n| status | means |\n|---|---|\n{rows}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference())
