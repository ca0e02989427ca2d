"""A picture of a real run for README: picture.py TO.svg FOLDER; its environment is made and removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

_SHOWN = (["plan"], ["up"], ["status"], ["plan"], ["reset"], ["destroy", "--yes"])


def main() -> None:
    target, folder = Path(sys.argv[1]), Path(sys.argv[2])
    console = Console(record=True, width=96, file=Path(os.devnull).open("w"))  # noqa: SIM115 - until the end
    devbox = Path(sys.executable).with_name("devbox")
    for words in _SHOWN:
        console.print(Text(f"$ devbox {' '.join(words)}", style="bold"))
        done = subprocess.run(
            [devbox, *words],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "COLUMNS": "96"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        # What was under way is redrawn in place on a terminal and gone at the end.
        for line in done.stdout.splitlines():
            if "\u2026" not in line:
                console.print(Text.from_ansi(line))
    console.save_svg(str(target), title=f"devbox: {folder.name}")


if __name__ == "__main__":
    main()
