"""The devbox side of a bake on the host: from the disk to a reachable sshd and back."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devbox import process
from devbox.errors import DevboxError
from devbox.hostbake import inside, warden
from devbox.hostbake.facts import namespaces
from devbox.hostbake.inside import Bake

_TAIL_LINES = 20


class NotOpened(DevboxError):
    """This host could not mount the disk or let anybody in; nothing was done to it."""


@contextmanager
def room(bake: Bake, folder: Path) -> Iterator[None]:
    """Keep the disk mounted and its sshd reachable while the block runs.

    ``folder`` holds the disk and goes when this process is killed. When the block ends well, all that was
    written is in the disk. Raises NotOpened before the block, DevboxError after it.
    """
    log = folder / "bake.log"
    Path(bake.work).mkdir(mode=0o700)
    program = [sys.executable, "-P", inside.__file__]
    argv = process.tethered([*namespaces(os.geteuid() == 0), *program])
    with process.conversation([sys.executable, "-P", warden.__file__, str(folder), *argv], log) as partner:
        partner.say(bake.as_line())
        if partner.hear() != inside.OPENED:
            raise NotOpened("The disk could not be mounted on this host.", details=_said(log))
        yield
        partner.say(f"{inside.FINISH}\n")
        if partner.hear() != inside.CLOSED:
            raise DevboxError(
                "The disk could not be put away after the playbook.",
                details=_said(log),
                advice="Run the command again, or set 'bake_in: guest' in devbox.yml.",
            )
    log.unlink()
    Path(bake.work).rmdir()


def _said(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:])
