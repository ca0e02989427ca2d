"""The examples that install OpenStack from source, brought up in networks of the tests' own."""

from __future__ import annotations

import json
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from conftest import Program

from devbox.paths import Home

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LONG = 3600.0


def example(name: str, network: str, home: Home, folder: Path) -> Iterator[Path]:
    """The example, up until the module's tests are done; ``network`` is like ``10.93.0.``."""
    cli = Program(home)
    project = folder / name
    shutil.copytree(EXAMPLES / name, project)
    file = project / "devbox.yml"
    text = re.sub(r"\b10\.\d+\.0\.", network, file.read_text())
    file.write_text(text.replace(f"name: {name}", f"name: try-{name}"))
    cli.good("-C", project, "up", timeout=LONG)
    yield project
    cli.good("-C", project, "destroy", "--yes")


def answer(
    url: str,
    data: bytes | None = None,
    *,
    method: str = "GET",
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """The status and the body."""
    sent = {"Content-Type": kind, **(headers or {})}
    request = urllib.request.Request(url, data, sent, method=method)  # noqa: S310 - loopback only
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=300) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def changes(project: Path, cli: Program) -> dict[str, int]:
    """How many tasks changed something when everything is run again, by machine."""
    lines = cli.good("-C", project, "provision", "--json", timeout=LONG).splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    return {event["subject"]: event["counts"]["changed"] for event in told if "counts" in event}
