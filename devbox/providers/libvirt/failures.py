"""What libvirt and QEMU say when something fails, as sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

from devbox.errors import DevboxError
from devbox.host import holder, lowest_port

_FORWARD = re.compile(r"forwarding rule 'tcp:(?P<address>[0-9.]+):(?P<port>[0-9]+)-")
_STAMP = re.compile(r"^[0-9]{4}-[0-9-]+T[0-9:.]+Z (?:qemu-system-\w+: )?", re.MULTILINE)
_USUAL = re.compile(r" is tainted: |terminating on signal 15 from pid [0-9]+ \((?:libvirtd|virtqemud)\)")
_ADVICE = {
    "Cannot allocate memory": "Give the machine less memory, or stop other machines.",
    "Failed to get": "Another process uses its disk: see 'devbox status', then stop that one.",
    "No such file or directory": "A file of the machine is gone: 'devbox up' replaces it.",
    "Permission denied": "Look who owns the file, and every folder above it.",
    "already exists with uuid": "It belongs to another devbox home or was made by hand: choose another name.",
    "No space left on device": "Make room, for example with 'devbox gc'.",
}


def no_such(name: str) -> DevboxError:
    return DevboxError(
        f"There is no machine '{name}'.", advice="'devbox up' makes it; 'devbox status' shows what there is."
    )


def not_ours(name: str, home: Path | None) -> DevboxError:
    owner = f"the devbox home '{home}'" if home else "something else than devbox"
    return DevboxError(
        f"The virtual machine '{name}' belongs to {owner}, so it is left alone.",
        advice="Choose another name for the environment, or remove that one with its owner's means.",
    )


def console_lost(name: str) -> DevboxError:
    return DevboxError(
        f"The console of the machine '{name}' was lost when the libvirt daemon that started it died.",
        advice="Its log goes on ('devbox logs'); 'devbox stop' and 'devbox start' give it a new console.",
    )


def failed(doing: str, name: str, said: str) -> DevboxError:
    """An error for ``doing`` (a past participle: 'started'), with the hypervisor's words in full."""
    advice = next((advice for words, advice in _ADVICE.items() if words in said), "")
    return DevboxError(f"The machine '{name}' could not be {doing}.", details=words(said), advice=advice)


def not_started(name: str, said: str, owner: Callable[[IPv4Address, int], str]) -> DevboxError:
    """Why a machine did not start; ``owner`` names the machine that has an address and port, or ''."""
    match = _FORWARD.search(said)
    if match is None:
        return failed("started", name, said)
    address, port = IPv4Address(match["address"]), int(match["port"])
    return port_refused(name, address, port, taken_by=_taken_by(address, port, owner), said=words(said))


def port_refused(name: str, address: IPv4Address, port: int, *, taken_by: str, said: str = "") -> DevboxError:
    """The host's port that the machine needs is taken or not for us."""
    if not taken_by and port < lowest_port():
        return DevboxError(
            f"The machine '{name}' could not be started: port {port} of {address} is below"
            f" {lowest_port()}, where only privileged programs may listen.",
            details=said,
            advice=f"Forward a higher port of the host in devbox.yml, such as {port + 8000}:{port}.",
        )
    return DevboxError(
        f"The machine '{name}' could not be started: port {port} of {address} is in use"
        f" by {taken_by or 'another program'}.",
        details=said,
        advice=f"Stop {taken_by or 'that program'}, or choose another port or address in devbox.yml.",
    )


def words(said: str) -> str:
    """Without the time stamps and the program's name before each of QEMU's lines."""
    text = said.removeprefix("internal error: ").removeprefix("process exited while connecting to monitor: ")
    return _STAMP.sub("", text.strip())


def last_words(log: str) -> str:
    """What QEMU said in its last run, without the command line that libvirt writes before it."""
    lines: list[str] = []
    for line in log.splitlines():
        if ": starting up " in line:
            lines = []
        elif not line.startswith(("-", "char device redirected")) and not line.rstrip().endswith("\\"):
            lines.append(line)
    return words("\n".join(line for line in lines if not _USUAL.search(line)))


def _taken_by(address: IPv4Address, port: int, owner: Callable[[IPv4Address, int], str]) -> str:
    machine = owner(address, port)
    return f"the machine '{machine}'" if machine else holder(address, port)


def no_line(name: str) -> DevboxError:
    return DevboxError(
        f"The machine '{name}' has no line to its agent.",
        details="It is off, or an older devbox defined it.",
        advice=f"'devbox reset' makes it anew; 'devbox stop' and 'devbox start' define '{name}' again.",
    )


def not_resumed(name: str, message: str, said: str) -> DevboxError:
    return DevboxError(
        f"What ran in '{name}' can't be had back; its disk is whole.",
        details=f"{message}\n{said}",
        advice="Run 'devbox start': it boots the machine from its disk.",
    )
