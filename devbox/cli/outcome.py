"""Running a verb: one place where failures become text and an exit status."""

from __future__ import annotations

import os
import sys
import time
import traceback

import typer

from devbox.errors import DevboxError, Exit
from devbox.paths import Home, private_folder
from devbox.process import end_children


def run(app: typer.Typer) -> int:
    """Run the program's arguments and return the exit status."""
    try:
        return int(app(standalone_mode=False) or 0)
    except DevboxError as error:
        _show(error)
        return int(error.exit_status)
    except typer.Exit as done:
        return int(done.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away, as 'devbox logs | head' does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.DONE)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug becomes a report
        return _other(error)


def _show(error: DevboxError) -> None:
    from devbox.views.console import err
    from devbox.views.failure import show_failure

    show_failure(error, err())


def leave_at_once(*_: object) -> None:
    """Leave within the blink that a person expects of Ctrl-C; a signal handler.

    Workers may sit in calls that can't be interrupted. Everything devbox does survives a kill at
    any moment, so leaving without waiting is as good: the next run completes or replaces.
    """
    end_children()
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h")  # the progress view hides the cursor
    sys.stderr.write("\ninterrupted: run the same command again to go on, or 'devbox destroy' to undo.\n")
    sys.stderr.flush()
    os._exit(int(Exit.INTERRUPTED))


def _other(error: Exception) -> int:
    show = getattr(error, "show", None)  # the argument parser's own errors know how to show themselves
    if callable(show) and hasattr(error, "exit_code"):
        show()
        return int(Exit.BAD_INPUT)
    try:
        report = private_folder(Home.default().bug_reports) / f"{time.strftime('%Y%m%d-%H%M%S')}.txt"
        report.write_text(f"{sys.argv!r}\n{''.join(traceback.format_exception(error))}")
        where = f"Its log is in '{report}'; please send it with your report."
    except OSError:
        where = "".join(traceback.format_exception(error))
    _show(DevboxError(f"devbox itself failed: {type(error).__name__}: {error}", advice=where))
    return int(Exit.BUG)
