"""The terminal: where text goes, and whether it may have colours."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

from rich.console import Console


def out() -> Console:
    """Results, on standard output; rich itself respects NO_COLOR, FORCE_COLOR and TERM."""
    return Console(highlight=False, soft_wrap=True, emoji=False)


def err() -> Console:
    """Progress and failures, on standard error, so that results can be piped."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def show_json(value: Any, stream: TextIO | None = None) -> None:
    """One JSON document on standard output."""
    stream = stream or sys.stdout
    stream.write(json.dumps(value, indent=2, default=str) + os.linesep)
