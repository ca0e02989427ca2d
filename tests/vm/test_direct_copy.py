"""A real Glance tells where an uploaded image lies; the layer below is the one of examples/glance-dev."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Program

from devbox.paths import Home

pytestmark = pytest.mark.vm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "glance-direct-copy"
URL = "http://127.98.0.10:9292"
LONG = 3600.0


@pytest.fixture(scope="module")
def project(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example in a network of the tests' own, up until the module's tests are done."""
    cli = Program(shared_home)
    folder = tmp_path_factory.mktemp("direct") / "glance-direct-copy"
    shutil.copytree(EXAMPLE, folder)
    file = folder / "devbox.yml"
    text = re.sub(r"\b10\.85\.0\.", "10.98.0.", file.read_text())
    file.write_text(text.replace("name: glance-direct-copy", "name: try-direct-copy"))
    cli.good("-C", folder, "up", timeout=LONG)
    yield folder
    cli.good("-C", folder, "destroy", "--yes")


def ask(path: str, data: bytes | None = None, *, method: str = "GET", kind: str = "application/json") -> Any:
    """The JSON that Glance answers, None where the answer is empty."""
    request = urllib.request.Request(f"{URL}{path}", data, {"Content-Type": kind}, method=method)  # noqa: S310 - loopback only
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=300) as response:
        body = response.read()
    return json.loads(body) if body else None


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(2_000_003)


@pytest.fixture(scope="module")
def image(project: Path, content: bytes) -> Any:
    """What Glance tells about an image that was uploaded over HTTP."""
    wish = {"name": "mine", "disk_format": "raw", "container_format": "bare"}
    made = ask("/v2/images", json.dumps(wish).encode(), method="POST")
    ask(made["file"], content, method="PUT", kind="application/octet-stream")
    return ask(f"/v2/images/{made['id']}")


class TestDirectCopy:
    def test_glance_tells_the_file_system_that_was_described(
        self, project: Path, image: Any, cli: Program
    ) -> None:
        described = json.loads(
            cli.good("-C", project, "exec", "api", "--", "cat", "/etc/glance/filesystem-store.json")
        )
        [location] = image["locations"]
        assert described["mountpoint"] == "/"
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", described["id"])
        assert {key: location["metadata"][key] for key in ("id", "mountpoint")} == described
        assert location["url"] == f"file:///var/lib/glance/images/{image['id']}"

    def test_the_file_there_is_the_image_byte_for_byte(
        self, project: Path, image: Any, content: bytes, cli: Program
    ) -> None:
        file = image["locations"][0]["url"].removeprefix("file://")
        said = cli.good("-C", project, "exec", "api", "--", "sha256sum", file)
        assert said.split()[0] == hashlib.sha256(content).hexdigest()

    def test_the_trial_of_the_playbook_left_no_image(self, project: Path, image: Any) -> None:
        assert [one["name"] for one in ask("/v2/images")["images"]] == ["mine"]

    def test_a_second_run_changes_nothing(self, project: Path, image: Any, cli: Program) -> None:
        lines = cli.good("-C", project, "provision", "--json", timeout=LONG).splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        changed = {event["subject"]: event["counts"]["changed"] for event in told if "counts" in event}
        assert changed == {"machine.api": 0}
        assert [one["id"] for one in ask("/v2/images")["images"]] == [image["id"]]
