"""A running domain written to disk with its RAM, and read back, through QEMU's monitor.

RAM in a file that QEMU maps is left out of the saved state by the migration capability
``x-ignore-shared``, so that state has half a megabyte and clones share the file's pages. QEMU has it
since 4.0; the "x-" says that it may go again: then the state has the RAM in it.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from devbox import process
from devbox.errors import DevboxError
from devbox.host.kvm import QEMU
from devbox.providers import Frozen
from devbox.providers.libvirt.domain import thawing

_IGNORE_SHARED = "x-ignore-shared"
_PATIENCE = 300.0  # seconds for gigabytes of RAM on a slow disk
_POLL = 0.01
_WAITING = frozenset({"inmigrate", "prelaunch"})  # RunState of QEMU's QMP
_GONE = 0.15
_NO_LIMIT = 1 << 40  # bytes a second; QEMU's default is 128 MiB
_FILE = "devbox"


class FreezeFailed(DevboxError):
    """QEMU could not write or read a machine's state."""


def start(domain: Any, memory: Path | None, *, shared: bool = False) -> None:
    """Start a domain that waits for ``load``, with its RAM in the file if there is one."""
    import libvirt

    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    text = thawing(domain.XMLDesc(flags), memory, shared=shared)
    # A persistent domain of that name becomes active with this definition, and keeps its own for later.
    domain.connect().createXML(text, libvirt.VIR_DOMAIN_START_PAUSED)


def make_mappable(domain: Any, stream: Path, frozen: Frozen) -> None:
    """Turn a state that has the RAM in it into a file of RAM to be mapped and a small state."""
    descriptor = os.open(frozen.memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor) as file:
        os.truncate(file.fileno(), domain.maxMemory() * 1024)
    start(domain, frozen.memory, shared=True)
    try:
        load(domain, stream, mapped=False)
        save(domain, frozen.state, mapped=True)
    finally:
        domain.destroy()


def can_map(domain: Any) -> bool:
    """Whether this QEMU can leave mapped RAM out of the state."""
    found = _ask(domain, "query-migrate-capabilities")
    return any(entry["capability"] == _IGNORE_SHARED for entry in found)


def tools() -> str:
    """What tells one QEMU, libvirt and processor from another; looked up anew each time, and quickly."""
    import libvirt

    program = process.which(QEMU)
    found = Path(program).stat() if program else None
    binary = f"{program} {found.st_size} {found.st_mtime_ns}" if found else "none"
    return f"{binary} {libvirt.getVersion()} {_processor()} {platform.release()}"


def _processor() -> str:
    with suppress(OSError):
        words = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in words if line.startswith("model name")), "")
    return ""


def save(domain: Any, state: Path, *, mapped: bool) -> None:
    """Write a paused domain's devices, and its RAM unless it is ``mapped``, into a new private file."""
    _prepare(domain, mapped=mapped)
    with _handed_over(domain, state, os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
        _ask(domain, "migrate", uri=f"fd:{_FILE}")
        _finish(domain, state)
    if not state.stat().st_size:
        raise FreezeFailed(f"QEMU wrote nothing into '{state}'.")


def load(domain: Any, state: Path, *, mapped: bool) -> None:
    """Read back what ``save`` wrote, into a domain that waits for it; it is left paused."""
    import libvirt

    try:
        _load(domain, state, mapped=mapped)
    except libvirt.libvirtError as error:  # a QEMU that can't make sense of it ends
        raise FreezeFailed(f"No machine could be thawed from '{state}'.", details=str(error)) from error


def _load(domain: Any, state: Path, *, mapped: bool) -> None:
    _prepare(domain, mapped=mapped)
    with _handed_over(domain, state, os.O_RDONLY):
        _ask(domain, "migrate-incoming", uri=f"fd:{_FILE}")
        deadline = time.monotonic() + _PATIENCE
        while _ask(domain, "query-status")["status"] in _WAITING:
            if time.monotonic() > deadline:
                raise FreezeFailed(f"QEMU did not finish reading '{state}'.")
            time.sleep(_POLL)


def is_empty(domain: Any) -> bool:
    """Whether a paused domain still waits for what it should be thawed from: nothing can run in it."""
    import libvirt

    with suppress(libvirt.libvirtError, DevboxError):
        return _ask(domain, "query-status")["status"] in _WAITING
    return False


def leave(domain: Any) -> None:
    """Let QEMU end at once: libvirt's own way looks every 0.2 s whether it did."""
    import libvirt

    with suppress(libvirt.libvirtError, DevboxError):
        _ask(domain, "quit")
        deadline = time.monotonic() + _GONE
        while domain.isActive() and time.monotonic() < deadline:
            time.sleep(_POLL)


def _prepare(domain: Any, *, mapped: bool) -> None:
    _ask(domain, "migrate-set-parameters", **{"max-bandwidth": _NO_LIMIT})
    if mapped or can_map(domain):
        wanted = [{"capability": _IGNORE_SHARED, "state": mapped}]
        _ask(domain, "migrate-set-capabilities", capabilities=wanted)


def _finish(domain: Any, state: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        found = _ask(domain, "query-migrate")
        if found["status"] == "completed":
            return
        if found["status"] in {"failed", "cancelled"} or time.monotonic() > deadline:
            said = found.get("error-desc", found["status"])
            raise FreezeFailed(f"QEMU could not write '{state}': {said}.", advice="Is the disk full?")
        time.sleep(_POLL)


@contextmanager
def _handed_over(domain: Any, path: Path, flags: int) -> Iterator[None]:
    """The open file as QEMU's; libvirt's sandbox forbids it to open files or start programs itself."""
    import libvirt_qemu

    command = {"execute": "getfd", "arguments": {"fdname": _FILE}}
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
    try:
        libvirt_qemu.qemuMonitorCommandWithFiles(domain, json.dumps(command), [descriptor], 0)
        yield
    finally:
        os.close(descriptor)


def _ask(domain: Any, command: str, **arguments: Any) -> Any:
    import libvirt_qemu

    request = {"execute": command, **({"arguments": arguments} if arguments else {})}
    answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, json.dumps(request), 0))
    if "error" in answer:
        raise FreezeFailed(f"QEMU refused '{command}': {answer['error'].get('desc', '')}")
    return answer["return"]
