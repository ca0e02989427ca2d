"""The one door to other programs: argument lists only, and failures that can be repeated by hand."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from devbox.errors import DevboxError

_TAIL_LINES = 20


class CommandFailed(DevboxError):
    """A program ended with a status other than 0."""

    def __init__(self, argv: Sequence[str], status: int, output: str) -> None:
        self.argv, self.status, self.output = list(argv), status, output
        tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
        super().__init__(
            f"'{Path(argv[0]).name}' ended with status {status}.",
            details=f"$ {shlex.join(argv)}\n{tail}",
        )


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> str:
    """Run a program to its end and return its standard output as text.

    ``env`` adds to the caller's environment. Raises CommandFailed (with the tail of stderr) when
    it ends with another status than 0, DevboxError when it is missing or takes too long.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise missing(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise DevboxError(
            f"'{words[0]}' did not end within {timeout:g} seconds.", details=f"$ {shlex.join(words)}"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace") or done.stdout.decode(errors="replace")
        raise CommandFailed(words, done.returncode, said)
    return done.stdout.decode(errors="replace")


def have(program: str) -> bool:
    """Whether the program is installed; /usr/sbin counts also where it is not on an ordinary user's PATH."""
    return which(program) is not None


def which(program: str) -> str | None:
    """The program's path; looks into the sbin folders too, which Debian keeps off users' PATH."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return shutil.which(program, path=path)


def missing(program: str) -> DevboxError:
    return DevboxError(
        f"The program '{program}' is not installed.",
        advice="Run 'devbox doctor': it names the package and the command that installs it.",
    )
