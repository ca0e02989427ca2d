"""Progress of long work: one live line a subject on a terminal, plain lines elsewhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from devbox.errors import Refused
from devbox.events import Emit, Event, Kind
from devbox.views.plan import duration

_MARKS = {Kind.FINISHED: ("✓", "green"), Kind.FAILED: ("✗", "red"), Kind.NOTE: ("·", "cyan")}


class Progress:
    """An Emit that shows events; a context manager, since a live view must be ended.

    Thread-safe. On a terminal, what is under way is redrawn below the finished lines; elsewhere
    each change of a subject's text is one line.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._running: dict[str, tuple[float, str]] = {}
        self._live = (
            Live(get_renderable=self._table, console=console, transient=True, refresh_per_second=8)
            if console.is_terminal and console.file.isatty()  # FORCE_COLOR asks for colours, not for a film
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.kind in (Kind.STARTED, Kind.PROGRESS):
                begun, shown = self._running.get(event.subject, (time.monotonic(), ""))
                self._running[event.subject] = (begun, event.text)
                if self._live is None and event.text != shown:
                    self._console.print(_line("  … ", "dim", event))
                return
            if event.kind is not Kind.NOTE:
                self._running.pop(event.subject, None)
            mark, style = _MARKS[event.kind]
            self._console.print(_line(f"  {mark} ", style, event))

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="bold")
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, style="dim", justify="right")
        with self._lock:
            running = list(self._running.items())
        for subject, (begun, text) in running:
            table.add_row(Spinner("dots", style="cyan"), subject, text, duration(time.monotonic() - begun))
        return table


def _line(mark: str, style: str, event: Event) -> Text:
    took = f" ({duration(event.seconds)})" if event.seconds is not None else ""
    text = event.text.splitlines()[0] if event.text else ""
    return Text.assemble((mark, style), (event.subject, "bold"), f"  {text}", (took, "dim"))


class JsonLines:
    """An Emit that writes one JSON object a line; the stream is flushed after each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        line = json.dumps(event.as_json(), default=str)
        with self._lock:
            self._stream.write(f"{line}\n")
            self._stream.flush()


@contextmanager
def appending(path: Path) -> Iterator[JsonLines]:
    """JSON lines at the end of a file that only its owner may read; Refused where there can be none."""
    try:
        path.touch(mode=0o600, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except OSError as error:
        raise Refused(
            f"The events can't be written to '{path}': {error.strerror}.",
            advice="Name another file with --events.",
        ) from error
    with file:
        yield JsonLines(file)


def fan_out(*receivers: Emit) -> Emit:
    """One Emit that tells all."""

    def emit(event: Event) -> None:
        for receiver in receivers:
            receiver(event)

    return emit
