"""Placement from source in a real machine, as its users meet it."""

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
def placement(shared_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from example("placement-dev", "10.97.0.", shared_home, tmp_path_factory.mktemp("placement"))


class TestPlacement:
    URL = "http://127.97.0.10:8778"

    def test_answers_with_its_versions(self, placement: Path) -> None:
        status, body = answer(f"{self.URL}/")
        assert status == 200
        assert [version["id"] for version in json.loads(body)["versions"]] == ["v1.0"]

    def test_keeps_what_the_administrator_tells_it(self, placement: Path) -> None:
        wish = json.dumps({"name": "rack"}).encode()
        providers, admin = f"{self.URL}/resource_providers", {"X-Auth-Token": "admin"}
        assert answer(providers, wish, method="POST")[0] == 401
        assert answer(providers, wish, method="POST", headers=admin)[0] == 201
        status, body = answer(f"{providers}?name=rack", headers=admin)
        assert status == 200
        assert [provider["name"] for provider in json.loads(body)["resource_providers"]] == ["rack"]

    def test_a_second_run_changes_nothing(self, placement: Path, cli: Program) -> None:
        assert changes(placement, cli) == {"machine.api": 0}
