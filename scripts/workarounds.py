"""The page about all workarounds, written from the catalogue: docs/workarounds.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from devbox.paths import shipped
from devbox.workarounds.catalogue import load_catalogue
from devbox.workarounds.entry import Entry

_HEAD = """\
# Workarounds

Written by `make docs` from `playbooks/workarounds/`; a test keeps them equal.

A workaround is a known defect of a distribution or package and its fix. Each is found by what is on the
machine, never by hope: where the defect is absent or was mended, nothing happens; where it is found, it is
mended, looked for again and verified.

    devbox workarounds list
    devbox workarounds show NAME
    devbox workarounds check MACHINE          # look on a running machine, change nothing
    devbox workarounds explain "TEXT"         # find the entry that an error message belongs to

`devbox up` and `devbox provision` say which were applied, and why. The playbooks of the systems apply those
that they need; `provision: [workarounds]` applies all, or those that the variable `workarounds_chosen` lists.
`workarounds: {skip: [NAME]}` in devbox.yml leaves some out. A project's own entries lie in its
`playbooks/workarounds/NAME/`; [playbooks/workarounds/README.md](../playbooks/workarounds/README.md) says how
one is written.

Every entry is tested on small files, freshly typed after the originals: broken, mended and unaffected ones.
"""


def page() -> str:
    """The whole page as Markdown."""
    entries = load_catalogue([shipped("playbooks") / "workarounds"]).values()
    rows = [f"| [{one.name}](#{anchor(one.name)}) | {one.status} | {_cell(one.summary)} |" for one in entries]
    table = "\n".join(["| workaround | status | |", "|---|---|---|", *rows])
    return "\n\n".join([_HEAD.strip(), table, *("\n\n".join(_section(one)) for one in entries)]) + "\n"


def anchor(heading: str) -> str:
    """The anchor that hosts of Markdown give to a heading."""
    return "".join(character for character in heading.lower() if character.isalnum() or character in "-_")


def _section(entry: Entry) -> Iterator[str]:
    yield f"## {entry.name}"
    yield f"{entry.summary}."
    yield "Seen as:"
    yield "\n".join(f"    {symptom}" for symptom in entry.symptoms)
    yield entry.explanation
    yield "Affects " + "; ".join(entry.affects.lines()) + "."
    if entry.variables:
        rows = [
            f"| `{name}` | {_cell(f'`{json.dumps(one.default)}`')} | {_cell(one.description)} |"
            for name, one in entry.variables.items()
        ]
        yield "\n".join(["| variable | default | |", "|---|---|---|", *rows])
    yield f"Status: {entry.status}. May go: {entry.retire[0].lower()}{entry.retire[1:]}"
    yield "\n".join(f"- <{url}>" for url in entry.references)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
