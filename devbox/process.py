"""The one door to other programs: argument lists only, and failures that can be repeated by hand."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devbox.errors import DevboxError

_TAIL_LINES = 20
_FAREWELL = 30.0  # seconds


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
            env=_environment(env),
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
    """The program's path, looked up as ``run`` does."""
    return shutil.which(program, path=_path())


def _path() -> str:
    """Debian keeps the sbin folders, where mke2fs and sfdisk lie, off ordinary users' PATH."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    return {**os.environ, "PATH": _path(), **(more or {})}


def missing(program: str) -> DevboxError:
    return DevboxError(
        f"The program '{program}' is not installed.",
        advice="Run 'devbox doctor': it names the package and the command that installs it.",
    )


def stream(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a long program, handing each line of its output (both streams) to ``on_line``.

    It dies with us, even if we are killed, so that nothing goes on working behind a dead devbox.
    Raises CommandFailed with the output's tail.
    """
    words = [str(word) for word in argv]
    output: list[str] = []
    try:
        child = subprocess.Popen(
            tethered(words),
            env=_environment(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise missing(words[0]) from error
    with child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                output.append(line)
                del output[: -_TAIL_LINES * 5]
                on_line(line.rstrip("\n"))
        except BaseException:
            end_group(child.pid)
            raise
    if child.returncode != 0:
        raise CommandFailed(words, child.returncode, "".join(output))


@dataclass(frozen=True)
class Partner:
    """A running program that is talked with, a line at a time."""

    child: subprocess.Popen[str]

    def say(self, text: str) -> None:
        """Write to its standard input; one that has ended hears nothing, and ``hear`` tells."""
        assert self.child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.write(text)
            self.child.stdin.flush()

    def hear(self) -> str:
        """The next line of its standard output without the line's end; empty when it has ended."""
        assert self.child.stdout is not None
        return self.child.stdout.readline().rstrip("\n")

    def hang_up(self) -> None:
        """End its standard input."""
        assert self.child.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.child.stdin.close()


@contextlib.contextmanager
def conversation(argv: Sequence[str | Path], log: Path) -> Iterator[Partner]:
    """Talk with a program that leads a session of its own; its complaints go to the file ``log``.

    When the block ends, it is given a moment to end by itself; after an error it is killed with its children.
    """
    words = [str(word) for word in argv]
    with log.open("w") as complaints:
        try:
            child = subprocess.Popen(
                words,
                env=_environment(None),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                text=True,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise missing(words[0]) from error
    partner = Partner(child)
    try:
        yield partner
        child.wait(_FAREWELL)
    except BaseException:
        end_group(child.pid)
        raise
    finally:
        assert child.stdout is not None
        partner.hang_up()
        child.stdout.close()
        child.wait()


def tethered(argv: Sequence[str]) -> list[str]:
    """The same program, killed by the kernel when the thread that started it ends (setpriv, util-linux)."""
    program = which("setpriv")
    return [program, "--pdeathsig", "KILL", "--", *argv] if program else list(argv)


def end_group(pid: int) -> None:
    """Kill a child that leads its own session, with all its children."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_children() -> None:
    """Kill every child of this process with its group: for a way out that waits for nobody."""
    listing = Path(f"/proc/{os.getpid()}/task")
    pids = {
        int(pid)
        for task in listing.iterdir()
        for pid in (task / "children").read_text().split()
        if (task / "children").exists()
    }
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)
