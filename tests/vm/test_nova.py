"""Nova from source in a real machine, as its users meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Program
from sources import answer, changes, example

from devbox.paths import Home

pytestmark = pytest.mark.vm


@pytest.fixture(scope="module")
def nova(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from example("nova-dev", "10.96.0.", shared_home, tmp_path_factory.mktemp("nova"))


class TestNova:
    URL = "http://127.96.0.10:8774"

    def test_answers_with_its_versions(self, nova: Path) -> None:
        status, body = answer(f"{self.URL}/")
        assert status == 200
        assert [version["id"] for version in json.loads(body)["versions"]] == ["v2.0", "v2.1"]

    def test_its_databases_are_there(self, nova: Path) -> None:
        """Flavors are the API database's, servers are asked for in both cells."""
        wish = {"flavor": {"name": "tiny", "ram": 64, "vcpus": 1, "disk": 0}}
        status, body = answer(f"{self.URL}/v2.1/flavors", json.dumps(wish).encode(), method="POST")
        assert (status, json.loads(body)["flavor"]["name"]) == (200, "tiny")
        status, body = answer(f"{self.URL}/v2.1/servers")
        assert (status, json.loads(body)) == (200, {"servers": []})

    def test_a_caller_can_be_somebody_else(self, nova: Path) -> None:
        somebody = {"X-User-Id": "me", "X-Project-Id": "mine", "X-Roles": "member"}
        assert answer(f"{self.URL}/v2.1/os-services")[0] == 200
        assert answer(f"{self.URL}/v2.1/os-services", headers=somebody)[0] == 403

    def test_a_second_run_changes_nothing(self, nova: Path, cli: Program) -> None:
        assert changes(nova, cli) == {"machine.api": 0}
