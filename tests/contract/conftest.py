"""The providers that are held to the contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import shapes
from shapes import Bench

from devbox.paths import Home
from devbox.providers.fake import FakeProvider
from devbox.providers.libvirt import LibvirtProvider


@pytest.fixture(scope="module")
def libvirt_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """One home for all tests of a file: a new daemon asks every QEMU binary what it can do."""
    home = Home(tmp_path_factory.mktemp("libvirt"))
    shapes.lay_out(home, real=True)
    yield home
    LibvirtProvider(home).close()


def _fake_bench(home: Home, kind: str) -> Bench:
    shapes.lay_out(home, real=False)
    if kind == "fake in memory":
        fake = FakeProvider()
        return Bench(home, fake, lambda: fake)
    file = home.root / "fake.json"
    return Bench(home, FakeProvider(file), lambda: FakeProvider(file))


@pytest.fixture(
    params=["fake in memory", "fake in a file", pytest.param("libvirt", marks=pytest.mark.vm)],
)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param != "libvirt":
        yield _fake_bench(Home(tmp_path), request.param)
        return
    home: Home = request.getfixturevalue("libvirt_home")
    provider = LibvirtProvider(home)
    yield Bench(home, provider, lambda: LibvirtProvider(home))
    for owned in provider.machines():
        provider.delete(owned.mark.domain)
