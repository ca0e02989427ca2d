"""http and https: resumed after a cut, through the host's proxies and netrc, within limits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from devbox.configuration import FetchSettings
from devbox.fetch.transfer import FetchFailed, Metadata, Progress, shown, too_large, written
from devbox.host import disk_room

_TRIES = 5  # without one of them bringing anything new
_REDIRECTS = 10
_CONNECT_SECONDS = 20
_CHUNK = 1 << 18
_LEAST_RATE = 256  # bytes a second; below that it is as good as stalled
_MOVED = (301, 302, 303, 307, 308)
_OK, _PARTIAL, _SERVER_ERROR = 200, 206, 500
_PAUSE_SECONDS = 0.5


def schemes() -> Sequence[str]:
    return ("http", "https")


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    """Raises FetchFailed with the cause when the server can't or won't give all of it."""
    transfer = _Transfer(url, destination, metadata.settings, progress)
    with requests.Session() as session:
        transfer.run(session)


class _Cut(Exception):
    """The connection ended early; what came is there, and the rest may follow."""


@dataclass
class _Transfer:
    url: str
    destination: Path
    settings: FetchSettings
    progress: Progress
    there: int = 0
    total: int | None = None
    version: str = ""  # the server's name for these bytes, by which it tells them from later ones

    def run(self, session: requests.Session) -> None:
        tries = 0
        while True:
            before, self_total = self.there, self.total
            try:
                with written(self.url):
                    self._once(session)
                return
            except _Cut as cut:
                tries = tries + 1 if self.there <= before else 0
                if tries >= _TRIES - 1 or (self.there == 0 and tries >= 2):
                    raise self._cut_short(cut, self_total) from cut
            time.sleep(_PAUSE_SECONDS)

    def _cut_short(self, cut: _Cut, total: int | None) -> FetchFailed:
        size = self.total or total
        came = f"{self.there} of {size} bytes came" if size else f"{self.there} bytes came"
        return FetchFailed(f"'{shown(self.url)}' could not be fetched: {cut}.", details=came)

    def _once(self, session: requests.Session) -> None:
        headers = {"Accept-Encoding": "identity"}
        if self.there and self.version:
            headers |= {"Range": f"bytes={self.there}-", "If-Range": self.version}
        with self._answer(session, headers) as answer:
            if answer.status_code >= _SERVER_ERROR:
                raise _Cut(f"the server says {answer.status_code} {answer.reason}")
            if answer.status_code not in (_OK, _PARTIAL):
                raise FetchFailed(
                    f"'{shown(self.url)}' could not be fetched: the server says "
                    f"{answer.status_code} {answer.reason}."
                )
            self._begin(answer)
            self._read(answer)

    def _answer(self, session: requests.Session, headers: dict[str, str]) -> requests.Response:
        """The final answer; each step of a redirect is looked at, since it may lead anywhere."""
        url = self.url
        for _ in range(_REDIRECTS):
            try:
                answer = session.get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(_CONNECT_SECONDS, self.settings.patience), self.settings.patience),
                )
            except requests.exceptions.SSLError as error:
                raise FetchFailed(
                    f"'{shown(url)}' could not be fetched: its certificate can't be trusted.",
                    details=str(error),
                    advice="If a company's authority re-signs, name it in REQUESTS_CA_BUNDLE.",
                ) from error
            except requests.exceptions.Timeout as error:
                raise _Cut(f"the server did not answer within {self.settings.patience} seconds") from error
            except requests.exceptions.ConnectionError as error:
                raise _Cut(f"the connection failed ({_root(error)})") from error
            except requests.exceptions.RequestException as error:
                raise FetchFailed(f"'{shown(url)}' could not be fetched.", details=str(error)) from error
            if answer.status_code not in _MOVED or "Location" not in answer.headers:
                return answer
            answer.close()
            url = _next(url, answer.headers["Location"])
        raise FetchFailed(f"'{shown(self.url)}' is redirected more than {_REDIRECTS} times.")

    def _begin(self, answer: requests.Response) -> None:
        """Go on where the last one was cut, or, where the server can't, at the beginning."""
        if answer.status_code == _PARTIAL:
            first = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
            if not self.there or first != str(self.there):
                raise FetchFailed(f"'{shown(self.url)}' could not be resumed: the server sent another range.")
        else:
            self.there = 0
        length = answer.headers.get("Content-Length", "")
        self.total = self.there + int(length) if length.isdigit() else None
        strong = answer.headers.get("ETag", "")
        self.version = strong if strong.startswith('"') else answer.headers.get("Last-Modified", "")
        if self.total is not None and self.total > self.settings.largest:
            raise too_large(self.url, self.settings)
        if self.total is not None and self.total - self.there > (room := disk_room(self.destination.parent)):
            raise FetchFailed(
                f"'{shown(self.url)}' has {self.total} bytes, and {room.mib}MiB are free "
                f"in '{self.destination.parent}'.",
                advice="Make room with 'devbox gc', or set DEVBOX_HOME to a larger disk.",
            )

    def _read(self, answer: requests.Response) -> None:
        since, counted = time.monotonic(), self.there
        with self.destination.open("r+b" if self.there else "wb") as file:
            file.seek(self.there)
            while chunk := self._chunk(answer):
                file.write(chunk)
                self.there += len(chunk)
                if self.there > self.settings.largest:
                    raise too_large(self.url, self.settings)
                self.progress(self.there, self.total)
                if time.monotonic() - since > self.settings.patience:
                    if self.there - counted < _LEAST_RATE * self.settings.patience:
                        raise _Cut("the server sends next to nothing")
                    since, counted = time.monotonic(), self.there
            file.truncate(self.there)
        if self.total is not None and self.there < self.total:
            raise _Cut("the connection was cut")

    def _chunk(self, answer: requests.Response) -> bytes:
        """What is there already: a whole chunk might never come from a server that trickles."""
        try:
            return bytes(answer.raw.read1(_CHUNK, decode_content=False))
        except urllib3.exceptions.ReadTimeoutError as error:
            raise _Cut(f"the server sent nothing for {self.settings.patience} seconds") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Cut(f"the connection was cut ({_root(error)})") from error


def _next(url: str, location: str) -> str:
    following = urljoin(url, location)
    before, after = urlsplit(url).scheme, urlsplit(following).scheme
    if after not in schemes():
        raise FetchFailed(f"'{shown(url)}' is redirected to '{shown(following)}', which is not on the web.")
    if before == "https" and after == "http":
        raise FetchFailed(f"'{shown(url)}' is redirected to '{shown(following)}', which is not encrypted.")
    return following


def _root(error: BaseException) -> str:
    """The last of the reasons that the libraries wrap around each other."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__
