"""A provider whose machines run nowhere: for tests and for trying plans."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from filelock import FileLock

from devbox.errors import DevboxError
from devbox.paths import private_folder
from devbox.providers import Capabilities, Forward, Frozen, Mark, Owned, Power, Shape

Before = Callable[[str, str], None]


def nothing_happens(effect: str, name: str) -> None:
    """A ``before`` that lets every effect take place."""


@dataclass(frozen=True)
class _Record:
    mark: Mark
    disk: str
    identity: str
    console: str
    forwards: tuple[Forward, ...]
    power: Power = Power.STOPPED
    running: tuple[Forward, ...] = field(default=())  # those that it was started with
    last_words: str = ""

    @property
    def on(self) -> bool:
        return self.power in {Power.RUNNING, Power.PAUSED}


class FakeProvider:
    """Fulfils ``Provider`` in memory, or in ``file`` so that several processes see the same machines.

    ``before`` is called with each effect (``record``, ``disk``, ``start``, ``stop``, ``files``,
    ``forget``, ``mark``) and the machine's name just before it takes place: raising there is how a
    test lets devbox die or the hypervisor fail at that point.
    """

    def __init__(self, file: Path | None = None, before: Before = nothing_happens) -> None:
        self._file = file
        self._before = before
        self._records: dict[str, _Record] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("fake")

    def machines(self) -> list[Owned]:
        with self._book() as book:
            return [
                Owned(one.mark, one.power, one.running if one.on else one.forwards, "fake")
                for _, one in sorted(book.items())
            ]

    def create(self, shape: Shape) -> None:
        name = shape.mark.domain
        with self._book() as book:
            self._before("record", name)
            files = str(shape.disk), str(shape.identity), str(shape.console)
            record = _Record(shape.mark, *files, shape.forwards)
            if known := book.get(name):
                record = replace(record, power=known.power, running=known.running)
            book[name] = record
        if not shape.disk.exists():
            self._before("disk", name)
            if not shape.base.is_file():
                raise DevboxError(f"The disk '{shape.base}' cannot be read: there is no such file.")
            private_folder(shape.disk.parent)
            shape.disk.touch(mode=0o600)
            shape.disk.write_text(f"an overlay over {shape.base}\n")

    def start(self, name: str) -> None:
        with self._book() as book:
            record = _one(book, name)
            if record.power in {Power.PAUSED, Power.SUSPENDED}:
                self._before("resume", name)
                book[name] = replace(record, power=Power.RUNNING, running=record.forwards)
            if record.power in {Power.PAUSED, Power.SUSPENDED, Power.RUNNING}:
                return
            try:
                _check_ports(name, record, book)
            except DevboxError as error:
                book[name] = replace(record, power=Power.CRASHED, last_words=error.message)
                raise
            self._before("start", name)
            Path(record.console).touch(mode=0o600)
            book[name] = replace(record, power=Power.RUNNING, running=record.forwards, last_words="")

    def maker(self, shape: Shape) -> str:
        return f"fake {shape.cpus} {shape.memory}"

    def renew(self, shape: Shape) -> None:
        self._before("disk", shape.mark.domain)
        shape.disk.unlink(missing_ok=True)
        shape.disk.touch(mode=0o600)
        shape.disk.write_text(f"an overlay over {shape.base}\n")

    def pause(self, name: str) -> None:
        self._change(name, "pause", {Power.RUNNING}, Power.PAUSED)

    def resume(self, name: str) -> None:
        self._change(name, "resume", {Power.PAUSED}, Power.RUNNING)

    def freeze(self, name: str, frozen: Frozen, *, clones: bool = True) -> None:
        with self._book() as book:
            record = _one(book, name)
            self._before("freeze", name)
            private_folder(frozen.folder)
            frozen.state.write_text(f"the state of {record.disk}\n")
            if clones:
                frozen.memory.write_text(f"the memory of {record.disk}\n")
        self._stop(name, "frozen")

    def thaw(self, name: str, frozen: Frozen) -> None:
        if not frozen.state.read_text().startswith("the state of "):
            raise DevboxError(f"The machine '{name}' could not be thawed: that is no state.")
        self.start(name)
        self.pause(name)

    def suspend(self, name: str) -> None:
        with self._book() as book:
            _one(book, name)
        self._change(name, "suspend", {Power.RUNNING, Power.PAUSED}, Power.SUSPENDED)

    def line(self, name: str) -> Path:
        with self._book() as book:
            return Path(_one(book, name).disk).with_name("line")

    def _change(self, name: str, effect: str, before: set[Power], after: Power) -> None:
        with self._book() as book:
            record = _one(book, name)
            if record.power in before:
                self._before(effect, name)
                book[name] = replace(record, power=after)

    def shutdown(self, name: str, timeout: float) -> None:
        del timeout  # it obeys at once
        self._stop(name, "powered off")

    def kill(self, name: str) -> None:
        self._stop(name, "killed")

    def crash(self, name: str, last_words: str) -> None:
        """Let the machine die on its own."""
        with self._book() as book:
            book[name] = replace(_one(book, name), power=Power.CRASHED, last_words=last_words)

    def delete(self, name: str) -> None:
        with self._book() as book:
            if name not in book:
                return
        self._stop(name, "killed")
        with self._book() as book:
            self._before("files", name)
            record = _one(book, name)
            files = [Path(one) for one in (record.disk, record.identity, record.console)]
            for file in files:
                file.unlink(missing_ok=True)
            for folder in {file.parent for file in files}:
                with contextlib.suppress(OSError):  # others have files there
                    folder.rmdir()
            self._before("forget", name)
            del book[name]

    def remark(self, mark: Mark) -> None:
        with self._book() as book:
            record = _one(book, mark.domain)
            self._before("mark", mark.domain)
            book[mark.domain] = replace(record, mark=mark)

    def last_words(self, name: str) -> str:
        with self._book() as book:
            record = _one(book, name)
            return "" if record.on else record.last_words

    def console_command(self, name: str) -> list[str]:
        with self._book() as book:
            return [shutil.which("tail") or "tail", "-f", _one(book, name).console]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _stop(self, name: str, last_words: str) -> None:
        with self._book() as book:
            record = _one(book, name)
            if record.on or record.power is Power.SUSPENDED:
                self._before("stop", name)
                book[name] = replace(record, power=Power.STOPPED, running=(), last_words=last_words)

    @contextlib.contextmanager
    def _book(self) -> Iterator[dict[str, _Record]]:
        """The records; what was changed up to an error is kept, as a hypervisor would."""
        if self._file is None:
            yield self._records
            return
        private_folder(self._file.parent)
        with FileLock(self._file.with_name(f".{self._file.name}.lock"), mode=0o600):
            book = _load(self._file)
            try:
                yield book
            finally:
                _save(self._file, book)


def _one(book: dict[str, _Record], name: str) -> _Record:
    if name not in book:
        raise DevboxError(
            f"There is no machine '{name}'.",
            advice="'devbox up' makes it; 'devbox status' shows what there is.",
        )
    return book[name]


def _check_ports(name: str, record: _Record, book: dict[str, _Record]) -> None:
    for other, theirs in book.items():
        taken = {(one.address, one.host) for one in theirs.running} if theirs.on else set()
        for one in record.forwards:
            if (one.address, one.host) in taken:
                raise DevboxError(
                    f"The machine '{name}' could not be started: port {one.host} of {one.address} is in use"
                    f" by the machine '{other}'.",
                    advice=f"Stop the machine '{other}', or choose another port or address in devbox.yml.",
                )


def _load(file: Path) -> dict[str, _Record]:
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return {}
    return {name: _from_json(values) for name, values in json.loads(text).items()}


def _save(file: Path, book: dict[str, _Record]) -> None:
    staged = file.with_name(f".{file.name}.{os.getpid()}")
    staged.touch(mode=0o600)
    staged.write_text(json.dumps({name: asdict(one) for name, one in book.items()}, default=str, indent=1))
    staged.replace(file)


def _from_json(values: dict[str, Any]) -> _Record:
    def forwards(key: str) -> tuple[Forward, ...]:
        return tuple(Forward(IPv4Address(one["address"]), one["host"], one["guest"]) for one in values[key])

    known = {
        "mark": Mark(**values["mark"]),
        "power": Power(values["power"]),
        "forwards": forwards("forwards"),
        "running": forwards("running"),
    }
    return _Record(**{**values, **known})
