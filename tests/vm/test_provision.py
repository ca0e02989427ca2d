"""Glance and Keystone from source in real machines, as their users meet them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Program
from sources import LONG, answer, changes, example

from devbox.paths import Home

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def glance(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from example("glance-dev", "10.93.0.", shared_home, tmp_path_factory.mktemp("glance"))


@pytest.fixture(scope="module")
def keystone(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from example("keystone-dev", "10.94.0.", shared_home, tmp_path_factory.mktemp("keystone"))


def upload(glance: str, content: bytes) -> str:
    """The new image's id."""
    wish = {"name": "mine", "disk_format": "raw", "container_format": "bare"}
    status, body = answer(f"{glance}/v2/images", json.dumps(wish).encode(), method="POST")
    assert status == 201
    made = str(json.loads(body)["id"])
    file = f"{glance}/v2/images/{made}/file"
    assert answer(file, content, method="PUT", kind="application/octet-stream")[0] == 204
    return made


def images(glance: str) -> list[str]:
    return [image["id"] for image in json.loads(answer(f"{glance}/v2/images")[1])["images"]]


@pytest.fixture(scope="module")
def direct(glance: Path, shared_home: Home) -> Path:
    """The same, told to say where its images lie; the playbook makes an image for a trial."""
    file = glance / "devbox.yml"
    file.write_text(file.read_text().replace("[glance-run]", "[glance-run, glance-direct-copy]"))
    there = images(TestGlance.URL)
    Program(shared_home).good("-C", glance, "up", timeout=LONG)
    assert images(TestGlance.URL) == there
    return glance


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(2_000_003)


@pytest.fixture(scope="module")
def image(direct: Path, content: bytes) -> dict[str, Any]:
    """What Glance tells about an image that was uploaded over HTTP."""
    made = upload(TestGlance.URL, content)
    told: dict[str, Any] = json.loads(answer(f"{TestGlance.URL}/v2/images/{made}")[1])
    return told


class TestGlance:
    """One class, so that one worker runs it in this order."""

    URL = "http://127.93.0.10:9292"

    def test_answers_with_its_versions(self, glance: Path) -> None:
        status, body = answer(f"{self.URL}/")
        assert status == 300
        assert "v2.0" in [version["id"] for version in json.loads(body)["versions"]]

    def test_an_image_comes_back_byte_for_byte(self, glance: Path) -> None:
        image = os.urandom(3_000_001)
        status, returned = answer(f"{self.URL}/v2/images/{upload(self.URL, image)}/file")
        assert (status, hashlib.sha256(returned).digest()) == (200, hashlib.sha256(image).digest())

    def test_its_own_unit_tests_pass(self, glance: Path, cli: Program) -> None:
        command = "cd /opt/source/glance && OS_TEST_DBAPI_ADMIN_CONNECTION=sqlite:////tmp/test.sqlite "
        command += "stestr run --serial glance.tests.unit.test_versions"
        said = cli.good("-C", glance, "exec", "api", "--", "sh", "-c", command, timeout=LONG)
        passed, failed = (int(found) for found in re.findall(r"(?:Passed|Failed): (\d+)", said))
        assert passed >= 80
        assert failed == 0

    # From here on it is told to say where its images lie.

    def test_glance_tells_the_file_system_that_was_described(
        self, glance: Path, image: dict[str, Any], cli: Program
    ) -> None:
        told = cli.good("-C", glance, "exec", "api", "--", "cat", "/etc/glance/filesystem-store.json")
        described = json.loads(told)
        [location] = image["locations"]
        assert described["mountpoint"] == "/"
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", described["id"])
        assert {key: location["metadata"][key] for key in ("id", "mountpoint")} == described
        assert location["url"] == f"file:///var/lib/glance/images/{image['id']}"

    def test_the_file_there_is_the_image_byte_for_byte(
        self, glance: Path, image: dict[str, Any], content: bytes, cli: Program
    ) -> None:
        file = image["locations"][0]["url"].removeprefix("file://")
        said = cli.good("-C", glance, "exec", "api", "--", "sha256sum", file)
        assert said.split()[0] == hashlib.sha256(content).hexdigest()

    def test_a_second_run_changes_nothing(self, glance: Path, image: dict[str, Any], cli: Program) -> None:
        there = images(self.URL)
        assert changes(glance, cli) == {"machine.api": 0}
        assert images(self.URL) == there


class TestKeystone:
    URL = "http://127.94.0.10:5000/v3/auth/tokens"
    OPENRC = "/etc/keystone/admin.openrc"

    def test_issues_a_token_to_the_administrator_alone(self, keystone: Path, cli: Program) -> None:
        openrc = cli.good("-C", keystone, "exec", "id", "--", "cat", self.OPENRC)
        found = re.search(r"OS_PASSWORD=(\S+)", openrc)
        assert found is not None
        assert self.ask(found[1]) == 201
        assert self.ask("guessed") == 401

    def test_the_password_is_its_owners_alone_and_not_in_the_log(self, keystone: Path, cli: Program) -> None:
        mode = cli.good("-C", keystone, "exec", "id", "--", "stat", "--format=%a %U", self.OPENRC)
        assert mode.split() == ["600", "devbox"]
        openrc = cli.good("-C", keystone, "exec", "id", "--", "cat", self.OPENRC)
        found = re.search(r"OS_PASSWORD=(\S+)", openrc)
        assert found is not None
        assert found[1] not in cli.good("-C", keystone, "logs")

    def test_a_second_run_changes_nothing(self, keystone: Path, cli: Program) -> None:
        assert changes(keystone, cli) == {"machine.id": 0}

    def ask(self, password: str) -> int:
        user = {"name": "admin", "domain": {"id": "default"}, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = json.dumps({"auth": {"identity": identity}}).encode()
        return answer(self.URL, body, method="POST")[0]
