"""glance: an image of an image service, glance://[CLOUD]/ID, copied directly where both see the file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from devbox.fetch import file
from devbox.fetch.cloud import connect, failures
from devbox.fetch.streams import store
from devbox.fetch.transfer import FetchFailed, Metadata, Progress

if TYPE_CHECKING:
    from keystoneauth1.adapter import Adapter

_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


def schemes() -> Sequence[str]:
    return ("glance",)


def download(url: str, destination: Path, metadata: Metadata, progress: Progress) -> None:
    """What came is compared with the digest that Glance has of the image, whichever way it came."""
    parts = urlsplit(url)
    name = unquote(parts.path.strip("/"))
    if not name or "/" in name:
        raise FetchFailed(f"'{url}' names no image: write glance://[CLOUD]/ID.")
    cloud = connect(url, parts.netloc, metadata.settings)
    with failures(url):
        glance = cloud.image  # asks for the service's versions
        answer = glance.get(f"/images/{name}")
        if answer.status_code != 200:
            raise FetchFailed(
                f"'{url}' could not be fetched: Glance says {answer.status_code} {answer.reason}."
            )
        image = answer.json()
    if not _directly(image, destination, metadata, progress):
        _by_http(glance, url, image, destination, metadata, progress)
    _compare(url, image, destination)


def locations(image: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where Glance says that the image lies, with what it says of each place."""
    for location in image.get("locations") or ():
        yield location["url"], {key: str(value) for key, value in location.get("metadata", {}).items()}
    if image.get("direct_url"):
        yield image["direct_url"], {}


def _directly(image: Mapping[str, Any], destination: Path, metadata: Metadata, progress: Progress) -> bool:
    """Whether one of the places could be copied from; without mounts in the settings none is."""
    settings = metadata.settings
    for url, said in locations(image):
        scheme = urlsplit(url).scheme
        forbidden = settings.allowed_schemes and scheme not in settings.allowed_schemes
        if scheme not in file.schemes() or forbidden or not settings.mounts or not said:
            continue
        try:
            file.download(url, destination, replace(metadata, said=said), progress)
            return True
        except FetchFailed as failed:
            destination.unlink(missing_ok=True)
            _log.info("%s was not copied directly: %s", url, failed.message)
    return False


def _by_http(
    glance: Adapter,
    url: str,
    image: Mapping[str, Any],
    destination: Path,
    metadata: Metadata,
    progress: Progress,
) -> None:
    with failures(url):
        answer = glance.get(f"/images/{image['id']}/file", stream=True)
        if answer.status_code != 200:
            raise FetchFailed(f"'{url}' has no data: Glance says {answer.status_code} {answer.reason}.")
        store(url, answer.iter_content(_CHUNK), image.get("size"), destination, metadata, progress)
    _log.info("%s came through HTTP", url)


def _compare(url: str, image: Mapping[str, Any], destination: Path) -> None:
    algorithm, wanted = image.get("os_hash_algo"), image.get("os_hash_value")
    if not algorithm or not wanted or algorithm not in hashlib.algorithms_available:
        return
    with destination.open("rb") as opened:
        found = hashlib.file_digest(opened, algorithm).hexdigest()
    if found != wanted:
        raise FetchFailed(
            f"'{url}' is not what Glance has on record.",
            details=f"expected {algorithm} {wanted}\nfound    {algorithm} {found}",
        )
