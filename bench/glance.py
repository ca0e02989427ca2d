"""The Glance example, and the moment when its API answers."""

from __future__ import annotations

import http.client
import time
from http import HTTPStatus

from bench.host import Failed

NAME, MACHINE = "glance-dev", "api"
_ADDRESS, _PORT = "127.77.0.10", 9292
_PATIENCE = 60.0
_POLL = 0.02


def wait_for_api() -> None:
    """Until it tells its versions, which it does with status 300."""
    deadline = time.monotonic() + _PATIENCE
    while (answer := _ask()) != HTTPStatus.MULTIPLE_CHOICES:
        if time.monotonic() > deadline:
            raise Failed(f"Glance did not answer at {_ADDRESS}:{_PORT}; at last it said: {answer}")
        time.sleep(_POLL)


def _ask() -> int | str:
    connection = http.client.HTTPConnection(_ADDRESS, _PORT, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()
