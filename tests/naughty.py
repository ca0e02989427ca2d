"""HTTP servers that misbehave on purpose, each in its own way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """``files`` by path; ``ways`` says of a path what else happens there."""

    files: dict[str, bytes]
    ways: Mapping[str, Callable[[Request, bytes], None]] = field(default_factory=dict)
    url: str = ""
    ranges: list[str] = field(default_factory=list)  # what was asked for

    def place(self, path: str) -> str:
        return f"{self.url}/{path}"


class Request(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        data = self.site.files.get(path.partition("?")[0])
        if way := self.site.ways.get(path):
            way(self, data or b"")
        elif data is None:
            self.send_error(404)
        else:
            whole(self, data)

    def do_HEAD(self) -> None:
        data = self.site.files.get(self.path.lstrip("/").partition("?")[0])
        if data is None:
            self.begin(404, 0)
        else:
            self.begin(200, len(data))

    def begin(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
        pass


def whole(request: Request, data: bytes) -> None:
    """As it should be, ranges too."""
    wanted = request.headers.get("Range", "")
    if not wanted:
        request.begin(200, len(data), ETag='"one"', Accept_Ranges="bytes")
        request.wfile.write(data)
        return
    request.site.ranges.append(wanted)
    first = int(wanted.removeprefix("bytes=").rstrip("-"))
    request.begin(
        206, len(data) - first, ETag='"one"', Content_Range=f"bytes {first}-{len(data) - 1}/{len(data)}"
    )
    request.wfile.write(data[first:])


def cut(times: int, *, ranges: bool = True) -> Callable[[Request, bytes], None]:
    """The connection ends half-way, so many times."""
    left = [times]

    def way(request: Request, data: bytes) -> None:
        if left[0] <= 0:
            whole(request, data) if ranges else plain(request, data)
            return
        left[0] -= 1
        wanted = request.headers.get("Range", "")
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and ranges else 0
        if first:
            request.site.ranges.append(wanted)
            place = f"bytes {first}-{len(data) - 1}/{len(data)}"
            request.begin(206, len(data) - first, ETag='"one"', Content_Range=place)
        else:
            request.begin(200, len(data), ETag='"one"')
        request.wfile.write(data[first : first + (len(data) - first) // 2])

    return way


def plain(request: Request, data: bytes) -> None:
    """Without ranges, whatever is asked for."""
    request.begin(200, len(data))
    request.wfile.write(data)


def changed(request: Request, data: bytes) -> None:
    """Half of one version; then, asked for the rest, all of another one."""
    if request.headers.get("Range"):
        request.begin(200, len(data), ETag='"two"')
        request.wfile.write(data)
    else:
        request.begin(200, len(data), ETag='"one"')
        request.wfile.write(bytes(len(data) // 2))


def other_range(request: Request, data: bytes) -> None:
    if request.headers.get("Range"):
        request.begin(206, 1, ETag='"one"', Content_Range=f"bytes 0-0/{len(data)}")
        request.wfile.write(data[:1])
    else:
        request.begin(200, len(data), ETag='"one"')
        request.wfile.write(data[: len(data) // 2])


def stall(request: Request, data: bytes) -> None:
    request.begin(200, len(data))
    request.wfile.write(data[:100])
    request.wfile.flush()
    time.sleep(3)


def trickle(request: Request, data: bytes) -> None:
    request.begin(200, len(data))
    for byte in data[:30]:
        request.wfile.write(bytes([byte]))
        request.wfile.flush()
        time.sleep(0.2)


def says_more(request: Request, data: bytes) -> None:
    """A length that is never reached."""
    request.begin(200, len(data) + 1000)
    request.wfile.write(data)


def says_less(request: Request, data: bytes) -> None:
    request.begin(200, len(data) - 1000)
    request.wfile.write(data)


def endless(request: Request, data: bytes) -> None:
    """No length, and no end."""
    request.send_response(200)
    request.send_header("Connection", "close")
    request.end_headers()
    request.close_connection = True
    for _ in range(4096):
        request.wfile.write(bytes(1 << 16))


def status(number: int) -> Callable[[Request, bytes], None]:
    return lambda request, _: request.begin(number, 0)


def redirect(target: str) -> Callable[[Request, bytes], None]:
    return lambda request, _: request.begin(302, 0, Location=target)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    handler = type("Handler", (Request,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients hang up on purpose
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
