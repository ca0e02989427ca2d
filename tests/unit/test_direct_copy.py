"""The role glance_direct_copy on packaged Glances and Novas of two ages: what it writes where."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from clouds import INITSCRIPTS, asked, seen
from dressed import CENTOS_STREAM_9, FEDORA_19, Distribution, Machine, Played, build, release, write

pytestmark = pytest.mark.integration

PAGE = "python3 -m http.server --directory /srv 9292 >/dev/null 2>&1 & sleep 1"
HAVANA = """\
[DEFAULT]
# show_multiple_locations = False
filesystem_store_datadir = /var/lib/glance/images/

[paste_deploy]
flavor = keystone
"""
LATER = """\
[DEFAULT]
enabled_backends = far:http, near:file

[glance_store]
default_backend = near

[near]
filesystem_store_datadir = /var/lib/glance/images
"""
# Ansible runs them by themselves, not by the program "service".
NOTING = """\
#!/bin/sh
[ "$1" = status ] || echo "${0##*/} $*" >> /var/log/asked
"""
NOVA = "[DEFAULT]\nallowed_direct_url_schemes=swift\n"
OWN = {
    "glance_direct_copy_id": "b9d6",
    "glance_direct_copy_mountpoint": "/var",
    "glance_direct_copy_try": False,
}


def machine(folder: Path, distribution: Distribution, glance: str, nova: str) -> Machine:
    one = Machine(folder / "root", build([release(distribution), INITSCRIPTS], folder / "packages"))
    one.install(distribution.package, "initscripts")
    files = {
        "/etc/glance/glance-api.conf": glance,
        "/etc/nova/nova.conf": NOVA,
        "/usr/bin/nova-manage": f"#!/bin/sh\necho {nova} >&2\n",
        "/srv/index.html": "",
        "/etc/init.d/openstack-glance-api": NOTING,
        "/etc/init.d/openstack-nova-compute": NOTING,
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    }
    write(one.root, files)
    one.path("/var/lib/glance/images").mkdir(parents=True)
    return one


@pytest.fixture(scope="module")
def havana(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return machine(tmp_path_factory.mktemp("havana"), FEDORA_19, HAVANA, "2013.2.3-1.fc20")


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return machine(tmp_path_factory.mktemp("later"), CENTOS_STREAM_9, LATER, "29.2.0")


def play(one: Machine, *flags: str, **variables: Any) -> Played:
    serve = {"ansible.builtin.shell": PAGE, "changed_when": False, "check_mode": False}
    role = {"ansible.builtin.include_role": {"name": "glance_direct_copy"}}
    return one.play([serve, role], *flags, **{**OWN, **variables})


def test_havana_has_all_in_one_section_and_nova_takes_part(havana: Machine) -> None:
    before = seen(havana)
    tried = play(havana, "--check", "--diff")
    assert tried.status == 0, tried.output
    assert seen(havana) == before
    first = play(havana, glance_direct_copy_nova_mountpoint="/mnt")
    assert first.status == 0, first.output
    assert havana.path("/etc/glance/glance-api.conf").read_text().split() == [
        *("[DEFAULT]", "#", "show_multiple_locations", "=", "False", "show_multiple_locations", "=", "True"),
        *("filesystem_store_datadir", "=", "/var/lib/glance/images/"),
        *("filesystem_store_metadata_file", "=", "/etc/glance/filesystem-store.json"),
        *("[paste_deploy]", "flavor", "=", "keystone"),
    ]
    described = json.loads(havana.path("/etc/glance/filesystem-store.json").read_text())
    assert described == {"id": "b9d6", "mountpoint": "/var"}
    nova = havana.path("/etc/nova/nova.conf").read_text().replace(" = ", "=").split()
    assert nova == [
        *("[DEFAULT]", "allowed_direct_url_schemes=swift,file"),
        *("[image_file_url]", "filesystems=glance"),
        *("[image_file_url:glance]", "id=b9d6", "mountpoint=/mnt"),
    ]
    said = asked(havana)
    assert any("openstack-glance-api" in line for line in said)
    assert any("openstack-nova-compute" in line for line in said)
    second = play(havana, glance_direct_copy_nova_mountpoint="/mnt")
    assert (second.status, second.changed) == (0, []), second.output


def test_later_the_file_stores_own_section_and_nova_is_left_alone(later: Machine) -> None:
    first = play(later)
    assert first.status == 0, first.output
    text = later.path("/etc/glance/glance-api.conf").read_text()
    near = text.split("[near]")[1].replace(" = ", "=")
    assert "filesystem_store_metadata_file=/etc/glance/filesystem-store.json" in near
    assert "show_multiple_locations" in text.split("[glance_store]")[0]
    assert later.path("/etc/nova/nova.conf").read_text() == NOVA
    assert "Nova 29.2.0 has no download modules" in " ".join(first.output.split())
    second = play(later)
    assert (second.status, second.changed) == (0, []), second.output


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"glance_direct_copy_idd": "x"}, "no variable 'glance_direct_copy_idd'"),
        ({"glance_direct_copy_mountpoint": "/srv"}, "The mount point '/srv' does not fit"),
        ({"glance_direct_copy_nova_mountpoint": "/mnt/"}, "must end in a slash just when '/mnt/'"),
        (
            {"glance_direct_copy_mountpoint": "", "glance_direct_copy_folder": "/no"},
            "'/no', is on no file system",
        ),
    ],
)
def test_bad_input_is_refused_and_touches_nothing(
    later: Machine, wrong: Mapping[str, Any], says: str
) -> None:
    before = seen(later)
    played = play(later, **wrong)
    assert played.status != 0
    assert says in " ".join(played.output.split()), played.output
    assert seen(later) == before


def test_without_a_glance_it_says_so(tmp_path: Path, later: Machine) -> None:
    hidden = later.path("/etc/glance/glance-api.conf")
    aside = hidden.rename(tmp_path / "aside")
    played = play(later)
    aside.rename(hidden)
    assert played.status != 0
    assert "There is no '/etc/glance/glance-api.conf'" in " ".join(played.output.split())
