"""2 GiB that are already on this host, brought to another place of the same file system."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.host import Host
from bench.row import timed
from devbox.fetch import Metadata, file, http

SIZE = 2 << 30
_PIECE = 1 << 24
_SERVE = """\
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer, test
test(SimpleHTTPRequestHandler, ThreadingHTTPServer, port=0, bind="127.0.0.1")
"""


@dataclass(frozen=True)
class Copies:
    """``source`` is served at ``url`` by another process, as a service on the same host would."""

    source: Path
    target: Path
    url: str
    server: int

    def direct(self) -> None:
        file.download(self.source.as_uri(), self.target, Metadata(), lambda *_: None)

    def through_http(self) -> None:
        http.download(self.url, self.target, Metadata(), lambda *_: None)

    def by_cp(self) -> None:
        subprocess.run(["cp", self.source, self.target], check=True)

    def seconds(self, copy: Callable[[], None]) -> float:
        self.target.unlink(missing_ok=True)
        return timed(copy)

    def cpu_seconds(self, copy: Callable[[], None]) -> float:
        """Of this process, of what it started, and of the server."""
        self.target.unlink(missing_ok=True)
        before = self._cpu()
        copy()
        return self._cpu() - before

    def _cpu(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        stat = Path(f"/proc/{self.server}/stat").read_text().rpartition(")")[2].split()
        ticks = int(stat[11]) + int(stat[12])  # utime and stime, proc(5)
        return sum(one.ru_utime + one.ru_stime for one in used) + ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def copies(here: Host, size: int = SIZE) -> Iterator[Copies]:
    """Files below the home, which are gone afterwards."""
    here.home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-copies.", dir=here.home.root) as name:
        folder = Path(name)
        piece = os.urandom(_PIECE)
        with (folder / "source").open("wb") as source:
            for number in range(size // _PIECE):
                source.write(number.to_bytes(8) + piece[8:])
        serve = [sys.executable, "-u", "-c", _SERVE]
        with subprocess.Popen(serve, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
            try:
                assert server.stdout is not None
                said = server.stdout.readline().decode()  # "Serving HTTP on 127.0.0.1 port 1234 (http://…"
                url = f"{said.partition('(')[2].partition('/)')[0]}/source"
                yield Copies(folder / "source", folder / "target", url, server.pid)
            finally:
                server.terminate()
