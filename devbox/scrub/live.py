"""Scrubbing a running machine over SSH, with its own shell, find, stat, grep and tar."""

from __future__ import annotations

import io
import os
import shlex
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from devbox.errors import DevboxError
from devbox.guest.ssh import Session
from devbox.scrub.decide import Change
from devbox.scrub.engine import Request, scrub
from devbox.scrub.inventory import Entry, Inventory, Kind
from devbox.scrub.keys import Identity
from devbox.scrub.known_secrets import KINDS, kinds_in
from devbox.scrub.members import Member, name_of, path_of
from devbox.scrub.operation import Action
from devbox.scrub.recovery import MANIFEST, checked, reading
from devbox.scrub.report import Report, shown
from devbox.scrub.rooted import kind_of

_ELSEWHERE = r"\( -path /proc -o -path /sys -o -path /dev -o -path /run \) -prune -o"
# One line for each name, then the names of the same batch: a name may hold a line break itself.
_STAT = 'stat -c "%f %d %i %s %Y" -- "$@" && printf "\\0" && printf "%s\\0" "$@" && printf "\\0"'
_LIST = rf"find / -xdev {_ELSEWHERE} ! -path / -exec sh -c {shlex.quote(_STAT)} sh {{}} +"
# Packages bring examples of keys, and reading all of /usr takes minutes under emulation.
_PACKAGES = r"\( -path '/usr/[!l]*' -o -path '/usr/lib*' -o -path /var/lib/dpkg -o -path /boot \) -prune -o"
_SIGNS = "|".join(kind.grep for kind in KINDS)
_SEARCH = (
    rf"find / -xdev {_ELSEWHERE} {_PACKAGES} -type f -size -2049 "
    rf"-exec grep -lEZa -e {shlex.quote(_SIGNS)} -- {{}} + || true"
)
# What files-from names is only touched by what stands before it.
_TAR = "tar --create --format=pax --xattrs --acls --file=- --directory=/ --no-recursion --null --files-from=-"
_UNTAR = "tar --extract --preserve-permissions --same-owner --numeric-owner --xattrs --xattrs-include='*'"
_UNTAR += " --acls --delay-directory-restore --directory=/ --file=-"
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
_AT_ONCE = 200  # paths that one shell changes


@dataclass(frozen=True)
class MachineTarget:
    """A machine that runs; what its programs write anew meanwhile is told, but is no failure."""

    session: Session
    name: str
    running: bool = True

    def inventory(self) -> Inventory:
        entries = {entry.path: entry for entry in listed(self._run(_LIST))}
        hits = [path for path in self._run(_SEARCH).split(b"\0") if path in entries]
        for info, contents in self._members(hits):
            if contents is not None:
                path = path_of(info.name)
                seen = entries[path]
                entries[path] = Entry(path, seen.kind, seen.size, kinds_in(contents.read()), seen.stamp)
        return Inventory.of(entries.values(), self._read)

    def archive(self, paths: Sequence[bytes], linked: Mapping[tuple[int, int], bytes]) -> Iterable[Member]:
        return self._members(paths)

    def apply(self, changes: Sequence[Change]) -> list[str]:
        problems: list[str] = []
        for start in range(0, len(changes), _AT_ONCE):
            batch = changes[start : start + _AT_ONCE]
            script = b"".join(_commands(number, change) for number, change in enumerate(batch))
            said = self._run("sh", stdin=script)
            problems += [
                f"{shown(batch[int(line)].path)} could not be changed, or was written to since it was copied"
                for line in said.split()
            ]
        self._run("sync")
        return problems

    def _read(self, path: bytes) -> bytes:
        return self._run("sh", stdin=b"cat -- " + quoted(path))

    def _members(self, paths: Sequence[bytes]) -> Iterator[Member]:
        if not paths:
            return
        names = b"\0".join(b"./" + path.lstrip(b"/") for path in paths) + b"\0"
        with (
            piped(self.session, f"sudo -n {_TAR}", names) as plain,
            tarfile.open(fileobj=plain, mode="r|", encoding="utf-8", errors="surrogateescape") as archive,
        ):
            for info in archive:
                info.name = name_of(path_of(info.name.removeprefix("./")))
                if info.islnk():
                    info.linkname = name_of(path_of(info.linkname.removeprefix("./")))
                # Written again, these would count for more than what stands in the member itself.
                own = {"path", "linkpath", "size"}
                info.pax_headers = {key: value for key, value in info.pax_headers.items() if key not in own}
                yield info, archive.extractfile(info) if info.isreg() else None

    def _run(self, command: str, stdin: bytes = b"") -> bytes:
        out, err = io.BytesIO(), io.BytesIO()
        given = io.BytesIO(stdin) if stdin else None
        words = ["sudo", "-n", "sh", "-c", command]
        status = self.session.execute(words, stdin=given, stdout=out, stderr=err)
        if status != 0:
            raise DevboxError(
                f"'{self.session.endpoint.alias}' could not be looked into.",
                details=f"$ {command[:200]}\n{err.getvalue().decode(errors='replace')}",
            )
        return out.getvalue()


def listed(said: bytes) -> Iterator[Entry]:
    """Entries out of batches of lines and names; raises DevboxError where they do not go together."""
    rest = said
    while rest:
        lines, _, rest = rest.partition(b"\0")
        rows = lines.splitlines()
        names = rest.split(b"\0", len(rows))
        if len(names) != len(rows) + 1:
            raise DevboxError("The machine's list of its files can't be understood; nothing was touched.")
        rest = names.pop().removeprefix(b"\0")
        for row, name in zip(rows, names, strict=True):
            mode, device, inode, size, seconds = row.split()
            kind = kind_of(int(mode, 16))
            stamp = (int(device), int(inode), int(size), int(seconds))
            yield Entry(name, kind, int(size) if kind is Kind.FILE else 0, frozenset(), stamp)


def quoted(path: bytes) -> bytes:
    """One word of a shell, whatever its bytes are."""
    return b"'" + path.replace(b"'", b"'\\''") + b"'"


def _commands(number: int, change: Change) -> bytes:
    """Lines of a shell script that make one change, or say its number."""
    path = quoted(change.path)
    expected = quoted(b" ".join(b"%d" % value for value in change.entry.stamp))
    same = b'[ "$(stat -c "%%d %%i %%s %%Y" -- %s)" = %s ]' % (path, expected)
    if change.action is Action.REMOVE and change.entry.kind is Kind.FOLDER:
        work = b"rmdir -- %s" % path
    elif change.action is Action.REMOVE:
        work = b"%s && rm -f -- %s" % (same, path)
    elif change.action is Action.EMPTY:
        work = b": > %s" % path  # a log grows all the time
    else:
        work = b"%s && printf %%s %s > %s" % (same, quoted(change.contents), path)
    missing = b"{ [ ! -e %s ] && [ ! -L %s ]; }" % (path, path)
    return b"%s || { %s; } 2>/dev/null || echo %d\n" % (missing, work, number)


@contextmanager
def piped(session: Session, command: str, stdin: bytes) -> Iterator[IO[bytes]]:
    """What a command in the machine writes, as it comes, so that nothing large is ever held."""
    reader, writer = os.pipe()
    failures: list[BaseException] = []
    errors = io.BytesIO()

    def work() -> None:
        with os.fdopen(writer, "wb") as out:
            try:
                status = session.execute(
                    ["sh", "-c", command], stdin=io.BytesIO(stdin), stdout=out, stderr=errors
                )
                if status != 0:
                    details = errors.getvalue().decode(errors="replace")
                    failures.append(DevboxError("A machine's files could not be read.", details=details))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that reads
                failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        with os.fdopen(reader, "rb") as plain:
            yield plain
            while plain.read(1 << 16):
                pass
    finally:
        thread.join()
    if failures:
        raise failures[0]


def scrub_machine(session: Session, name: str, request: Request) -> Report:
    """Scrub a running machine; what was deleted is trimmed from its disk afterwards.

    What devbox itself gets in with stays, else nobody could put anything back; it is given anew at each
    start and is no part of what is published.
    """
    user = session.endpoint.user
    home = "/root" if user == "root" else f"/home/{user}"
    own = (f"{home}/.ssh/authorized_keys", _HOST_KEY, f"{_HOST_KEY}.pub")
    target = MachineTarget(session, name)
    report = scrub(target, replace(request, keep=(*request.keep, *map(os.fsencode, own))))
    report = replace(report, notes=(*report.notes, f"left for devbox to get in: {', '.join(own)}"))
    if request.dry_run:
        return report
    trimmed = session.run(["sudo", "-n", "fstrim", "/"], timeout=600).status == 0
    if trimmed:
        return report.with_check("free space", "trimmed in the running machine")
    note = "what was deleted is still in free space; scrub its disk image to be sure"
    return report.with_check("free space", "could not be trimmed", (), (note,))


def restore_machine(session: Session, file: Path, by: list[Identity]) -> list[bytes]:
    """Put everything back into a running machine; the file is read to its end before."""
    manifest = checked(file, by)
    reader, writer = os.pipe()
    failures: list[BaseException] = []

    def send() -> None:
        with os.fdopen(writer, "wb") as plain:
            try:
                with reading(file, by) as archive, _writing(plain) as out:
                    for info in archive:
                        if info.name != MANIFEST:
                            contents = archive.extractfile(info) if info.isreg() else None
                            out.addfile(info, contents)
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                failures.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    errors = io.BytesIO()
    with os.fdopen(reader, "rb") as plain:
        words = ["sudo", "-n", "sh", "-c", _UNTAR]
        status = session.execute(words, stdin=plain, stdout=io.BytesIO(), stderr=errors)
    thread.join()
    if failures and not isinstance(failures[0], BrokenPipeError):
        raise failures[0]
    if status != 0:
        details = errors.getvalue().decode(errors="replace")
        raise DevboxError("Not everything could be put back into the machine.", details=details)
    return [path_of(name) for name in manifest["digests"]]


def _writing(plain: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(
        fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    )
