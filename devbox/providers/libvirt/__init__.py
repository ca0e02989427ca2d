"""Machines as libvirt domains of the user's own session."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from devbox import process, qcow2
from devbox.errors import DevboxError
from devbox.host import accelerator
from devbox.paths import Home, private_folder
from devbox.providers import Capabilities, Frozen, Mark, Owned, Power, Shape
from devbox.providers.libvirt import domain, failures, freezing, overlay
from devbox.providers.libvirt.connection import Connection

T = TypeVar("T")
_POLL = 0.1
_ASK_AGAIN = 2.0  # a guest that is still booting does not hear the first time
_LOG_TAIL = 64 * 1024


class LibvirtProvider:
    """Fulfils ``Provider``; sees only the machines of its own home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._connection = Connection(home)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities("libvirt", freezing=True)

    @property
    def uri(self) -> str:
        return self._connection.uri

    def machines(self) -> list[Owned]:
        """As they are now: of a running machine, what it runs with, not what a restart would change."""
        private = self._connection.private
        if private and not private.answers() and not any(private.definitions.glob("*.xml")):
            return []  # nothing was ever defined: no reason to start a daemon
        found = self._connection.call(lambda connection: [_read(one) for one in connection.listAllDomains()])
        mine = [owned for one in found if one for home, owned in [one] if home == self._home.root]
        return sorted(mine, key=lambda owned: owned.mark.domain)

    def create(self, shape: Shape) -> None:
        name = shape.mark.domain
        text = domain.to_xml(shape, accelerator(self._home).kind, self._home.root)
        self._call("defined", name, lambda connection: connection.defineXML(text))
        overlay.make(shape)
        if qcow2.virtual_size(shape.disk) < shape.disk_size:
            self._grow(shape)

    def renew(self, shape: Shape) -> None:
        overlay.make(shape, anew=True)

    def start(self, name: str) -> None:
        import libvirt

        def work(found: Any) -> None:
            if not found.isActive():
                self._ready_console(found)
                found.create()

        if self._wake(name):
            return
        try:
            self._with(name, work)
        except libvirt.libvirtError as error:
            if self._power(name) is not Power.RUNNING:  # or somebody else started it
                raise failures.not_started(name, str(error), self._owner) from error

    def maker(self, shape: Shape) -> str:
        text = domain.fingerprint(shape, accelerator(self._home).kind) + freezing.tools()
        return hashlib.sha256(text.encode()).hexdigest()

    def pause(self, name: str) -> None:
        self._act("paused", name, lambda found: None if _power(found) is Power.PAUSED else found.suspend())

    def resume(self, name: str) -> None:
        self._act("resumed", name, lambda found: None if _power(found) is Power.RUNNING else found.resume())

    def freeze(self, name: str, frozen: Frozen, *, clones: bool = True) -> None:
        private_folder(frozen.folder)
        stream = frozen.folder / "stream"

        def work(found: Any) -> None:
            mappable = clones and freezing.can_map(found)
            freezing.save(found, stream if mappable else frozen.state, mapped=False)
            found.destroy()
            if mappable:
                freezing.make_mappable(found, stream, frozen)
                stream.unlink()

        self._act("frozen", name, work)

    def thaw(self, name: str, frozen: Frozen) -> None:
        memory = frozen.memory if frozen.memory.exists() else None

        def work(found: Any) -> None:
            self._ready_console(found)
            if found.isActive():  # what somebody left who was killed at this very work
                found.destroy()
            freezing.start(found, memory)
            freezing.load(found, frozen.state, mapped=memory is not None)

        try:
            self._act("thawed", name, work)
        except DevboxError:
            self._pull_the_plug(name)
            raise

    def suspend(self, name: str) -> None:
        self.pause(name)
        folder = self._suspended(name)
        staged = Frozen(folder.with_name(f".{folder.name}.new"), "")
        shutil.rmtree(staged.folder, ignore_errors=True)
        self.freeze(name, staged, clones=False)
        staged.folder.rename(folder)

    def line(self, name: str) -> Path:
        definition = self._act("looked at", name, lambda found: domain.parse(found.XMLDesc(0)))
        if definition is None or definition.line is None:
            raise failures.no_line(name)
        return self._connection.outside(definition.line)

    def shutdown(self, name: str, timeout: float) -> None:
        import libvirt

        self._wake(name)
        deadline, ask = time.monotonic() + timeout, time.monotonic()
        while self._power(name) is Power.RUNNING and time.monotonic() < deadline:
            if time.monotonic() >= ask:
                ask = time.monotonic() + _ASK_AGAIN
                with contextlib.suppress(libvirt.libvirtError):  # it may have ended just now
                    self._with(name, lambda found: found.shutdown())
            time.sleep(_POLL)
        self.kill(name)

    def kill(self, name: str) -> None:
        shutil.rmtree(self._suspended(name), ignore_errors=True)
        self._pull_the_plug(name)

    def _pull_the_plug(self, name: str) -> None:
        import libvirt

        def work(found: Any) -> None:
            if found.isActive():
                freezing.leave(found)
                found.destroy()

        try:
            self._with(name, work)
        except libvirt.libvirtError as error:
            # It may have ended by itself, or a daemon that just found it again noticed its end first.
            if self._power(name) in {Power.RUNNING, Power.PAUSED}:
                raise failures.failed("stopped", name, str(error)) from error

    def delete(self, name: str) -> None:
        definition = self._definition(name)
        if definition is None:
            return
        self.kill(name)
        self._remove_files(name, definition)
        self._act("deleted", name, _undefine)

    def remark(self, mark: Mark) -> None:
        import libvirt

        text = domain.mark_xml(mark, self._home.root)

        def work(found: Any) -> None:
            flags = libvirt.VIR_DOMAIN_AFFECT_CONFIG
            if found.isActive():
                flags |= libvirt.VIR_DOMAIN_AFFECT_LIVE
            kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
            found.setMetadata(kind, text, domain.PREFIX, domain.MARK, flags)

        self._act("marked", mark.domain, work)

    def last_words(self, name: str) -> str:
        if self._power(name) in {Power.RUNNING, Power.PAUSED}:
            return ""
        try:
            with self._log(name).open("rb") as log:
                log.seek(max(self._log(name).stat().st_size - _LOG_TAIL, 0))
                return failures.last_words(log.read().decode(errors="replace"))
        except OSError:
            return ""

    def console_command(self, name: str) -> list[str]:
        private = self._connection.private
        if self._power(name) is Power.RUNNING and private and not private.sees_terminals_of(name):
            raise failures.console_lost(name)
        return [process.which("virsh") or "virsh", "-c", self.uri, "console", "--force", name]

    def close(self) -> None:
        """Let go of the daemon; one of our own ends at once when it has no machine left.

        Where it has some, it ends by itself when none of them has run for a while.
        """
        private = self._connection.private
        idle = private and private.answers() and not self._connection.call(_domains)
        self._connection.close()
        if private and idle:
            private.stop()

    def _wake(self, name: str) -> bool:
        """Let a paused or suspended machine go on; False for any other."""
        folder = self._suspended(name)
        power = self._power(name)
        if power is not Power.PAUSED:
            if power is Power.RUNNING or not folder.exists():
                return False
            try:
                self.thaw(name, Frozen(folder, ""))
            except freezing.FreezeFailed as error:
                shutil.rmtree(folder)
                raise failures.not_resumed(name, error.message, error.details) from error
        # What it was suspended to is out of date from the moment on that it runs.
        shutil.rmtree(folder, ignore_errors=True)
        self.resume(name)
        return True

    def _suspended(self, name: str) -> Path:
        definition = self._act("looked at", name, lambda found: domain.parse(found.XMLDesc(0)))
        return _suspended(definition.disk) if definition and definition.disk else self._home.root / "none"

    def _with(self, name: str, work: Callable[[Any], T]) -> T:
        """Run ``work`` with the machine's domain; libvirt's own errors come through."""
        import libvirt

        def found(connection: Any) -> T:
            try:
                one = connection.lookupByName(name)
            except libvirt.libvirtError as error:
                if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
                    raise failures.no_such(name) from error
                raise
            definition = domain.parse(one.XMLDesc(0))
            if definition is None or definition.home != self._home.root:
                raise failures.not_ours(name, definition.home if definition else None)
            return work(one)

        return self._connection.call(found)

    def _act(self, doing: str, name: str, work: Callable[[Any], T]) -> T:
        import libvirt

        try:
            return self._with(name, work)
        except libvirt.libvirtError as error:
            raise failures.failed(doing, name, str(error)) from error

    def _call(self, doing: str, name: str, work: Callable[[Any], T]) -> T:
        import libvirt

        try:
            return self._connection.call(work)
        except libvirt.libvirtError as error:
            raise failures.failed(doing, name, str(error)) from error

    def _power(self, name: str) -> Power:
        return self._act("looked at", name, _power)

    def _definition(self, name: str) -> domain.Definition | None:
        """What the machine is; None when there is none."""
        names = {owned.mark.domain for owned in self.machines()}
        return (
            self._act("looked at", name, lambda found: domain.parse(found.XMLDesc(0)))
            if name in names
            else None
        )

    def _owner(self, address: IPv4Address, port: int) -> str:
        running = [owned for owned in self.machines() if owned.power in {Power.RUNNING, Power.PAUSED}]
        taken = {(one.address, one.host): owned.mark.domain for owned in running for one in owned.forwards}
        return taken.get((address, port), "")

    def _grow(self, shape: Shape) -> None:
        def work(found: Any) -> None:
            import libvirt

            if found.isActive():
                found.blockResize("vda", int(shape.disk_size), libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
            else:
                overlay.grow(shape.disk, shape.disk_size)

        self._act("given a larger disk", shape.mark.domain, work)

    def _ready_console(self, found: Any) -> None:
        """QEMU appends to the log; made by us it is the user's alone."""
        definition = domain.parse(found.XMLDesc(0))
        if definition and definition.console:
            private_folder(definition.console.parent)
            definition.console.touch(mode=0o600)

    def _remove_files(self, name: str, definition: domain.Definition) -> None:
        log = self._log(name)
        paths = [log, *log.parent.glob(f"{name}.log.*")]
        for path in (definition.disk, definition.identity, definition.console):
            # A definition that somebody edited must not make us delete what isn't ours.
            if path is not None and path.is_relative_to(self._home.root):
                paths += [path, overlay.staging(path), *path.parent.glob(f"{path.name}.[0-9]")]
        for path in paths:
            path.unlink(missing_ok=True)
        if definition.disk is not None and definition.disk.is_relative_to(self._home.root):
            shutil.rmtree(_suspended(definition.disk), ignore_errors=True)
        for folder in {path.parent for path in paths} - {log.parent}:
            with contextlib.suppress(OSError):  # others have files there
                folder.rmdir()

    def _log(self, name: str) -> Path:
        return self._connection.qemu_logs / f"{name}.log"


def _read(found: Any) -> tuple[Path, Owned] | None:
    import libvirt

    try:
        definition, power = domain.parse(found.XMLDesc(0)), _power(found)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:  # deleted since it was listed
            return None
        raise
    if definition is None:
        return None
    if power is Power.STOPPED and definition.disk and _suspended(definition.disk).exists():
        power = Power.SUSPENDED
    return definition.home, Owned(definition.mark, power, definition.forwards, definition.accelerator)


def _suspended(disk: Path) -> Path:
    return disk.with_name("suspended")


def _power(found: Any) -> Power:
    import libvirt

    state, reason = found.state()
    if state in {libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED}:
        # Whoever was killed while thawing it left a machine that can't go on.
        return Power.CRASHED if freezing.is_empty(found) else Power.PAUSED
    if state == libvirt.VIR_DOMAIN_CRASHED:
        return Power.CRASHED
    if state == libvirt.VIR_DOMAIN_SHUTOFF:
        bad = {libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, libvirt.VIR_DOMAIN_SHUTOFF_FAILED}
        return Power.CRASHED if reason in bad else Power.STOPPED
    return Power.RUNNING


def _domains(connection: Any) -> int:
    return len(connection.listAllDomains())


def _undefine(found: Any) -> None:
    import libvirt

    found.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
        | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    )
