"""The way into an OpenStack cloud: as its other clients find it, by clouds.yaml or OS_* variables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from devbox.configuration import FetchSettings
from devbox.fetch.transfer import FetchFailed, lacking, shown

if TYPE_CHECKING:
    from openstack.connection import Connection


def connect(url: str, cloud: str, settings: FetchSettings) -> Connection:
    """The cloud of that name in clouds.yaml; for an empty one what the environment says."""
    try:
        import openstack
    except ImportError as error:
        raise lacking("openstack", url, error) from error
    with failures(url):
        return openstack.connect(cloud=cloud or None, api_timeout=settings.patience)


@contextmanager
def failures(url: str) -> Iterator[None]:
    """Turn what the library raises into a sentence."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException
    from requests.exceptions import RequestException

    try:
        yield
    except (SDKException, ClientException, RequestException) as error:
        raise FetchFailed(f"'{shown(url)}' could not be fetched.", details=str(error)) from error
