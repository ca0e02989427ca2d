"""Who listens on a port of this host."""

from __future__ import annotations

import contextlib
import sys
from ipaddress import IPv4Address
from pathlib import Path

_LISTEN = "0A"


def holder(address: IPv4Address, port: int) -> str:
    """The program that listens on ``address:port``, as words for a message; empty if unknown."""
    try:
        table = Path("/proc/net/tcp").read_text()
    except OSError:
        return ""
    inode = listening_inode(table, address, port)
    return _program(inode) if inode else ""


def listening_inode(table: str, address: IPv4Address, port: int) -> int | None:
    """The socket in ``/proc/net/tcp`` that listens there, or on all addresses."""
    wanted = {_hex(address, port), _hex(IPv4Address(0), port)}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[1] in wanted and fields[3] == _LISTEN:
            return int(fields[9])
    return None


def _hex(address: IPv4Address, port: int) -> str:
    return f"{int.from_bytes(address.packed, sys.byteorder):08X}:{port:04X}"


def _program(inode: int) -> str:
    """Which process has the socket; other users' processes can't be seen."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(_is_socket(link, inode) for link in (entry / "fd").iterdir()):
                return f"'{(entry / 'comm').read_text().strip()}' (process {entry.name})"
    return ""


def _is_socket(link: Path, inode: int) -> bool:
    try:
        return str(link.readlink()) == f"socket:[{inode}]"
    except OSError:  # closed meanwhile
        return False
