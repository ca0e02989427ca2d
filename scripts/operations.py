"""The table of the scrubber's operations in docs/scrub.md, written from the catalogue itself."""

from __future__ import annotations

import sys
from pathlib import Path

from devbox.scrub.operations import catalogue

_BEGIN, _END = "<!-- operations -->\n", "<!-- end of operations -->\n"


def with_table(page: str) -> str:
    """The same page with its table as the catalogue has it now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = (
        f"| `{one.name}` | {one.set} | {'' if one.default else 'off'} | {one.summary} | {one.reason} |\n"
        for one in catalogue()
    )
    heading = "| operation | set | | takes away | because |\n|---|---|---|---|---|\n"
    return f"{before}{_BEGIN}{heading}{''.join(rows)}{_END}{after}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(with_table(page.read_text()))
