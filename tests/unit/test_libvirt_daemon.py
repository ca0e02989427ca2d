"""Where the private daemon has its files and how it is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from devbox import process
from devbox.errors import DevboxError
from devbox.paths import Home
from devbox.providers.libvirt import daemon


def words(home: Home, *, kvm: bool) -> list[str]:
    if not process.have("bwrap"):
        pytest.skip("bwrap is not installed")
    return [str(word) for word in daemon._namespace(home.libvirt, home.root, kvm)]


def test_the_daemon_sees_its_files_at_a_short_path() -> None:
    home = Home(Path("/home/ann", "x" * 200))
    found = words(home, kvm=False)
    place = found.index(str(home.libvirt))
    assert found[place - 1 : place + 2] == ["--bind", str(home.libvirt), "/dev/devbox"]
    monitor = "/dev/devbox/config/libvirt/qemu/lib/domain-99999-12345678901234567890/monitor.sock"
    assert found[found.index("XDG_CONFIG_HOME") + 1] == "/dev/devbox/config"
    assert len(monitor) <= daemon._PATH_LIMIT


def test_the_daemon_sees_kvm_only_where_it_works(home: Home) -> None:
    assert "/dev/kvm" not in words(home, kvm=False)
    assert words(home, kvm=True).count("/dev/kvm") == 2


def test_the_uri_quotes_what_a_path_may_have() -> None:
    if not (process.have("libvirtd") or process.have("virtqemud")):
        pytest.skip("libvirt is not installed")
    found = daemon.PrivateDaemon(Home(Path("/srv/a b&c?d"))).uri
    assert found.startswith("qemu:///session?socket=/srv/a%20b%26c%3Fd/libvirt/run/libvirt/")


def test_a_link_stands_for_a_long_path(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    link = daemon._short_link(tmp_path)
    request.addfinalizer(link.unlink)
    assert link.resolve() == tmp_path.resolve()
    assert daemon._short_link(tmp_path) == link


def test_a_link_that_leads_elsewhere_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    link = daemon._link_name(tmp_path)
    link.symlink_to("/etc")
    request.addfinalizer(link.unlink)
    with pytest.raises(DevboxError, match=str(link)):
        daemon._short_link(tmp_path)


def test_another_daemon_can_be_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(daemon.OVERRIDE, "qemu:///system")
    assert daemon.private_daemon(home) is None
