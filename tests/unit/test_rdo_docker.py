"""The playbook rdo-docker on a stand-in of CentOS 6.5, with scripts for Docker, pip and Nova."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from clouds import INITSCRIPTS, KEPT, asked, play, seen, stand_in
from dressed import CENTOS_6, Machine, Package, Played, write

from devbox import process

pytestmark = pytest.mark.integration

NOTE = '#!/bin/sh\necho "$(basename $0) $*" >> /var/log/asked\n'
VIRTUALENV = """\
#!/bin/sh
mkdir -p "$2/bin"
cp /usr/share/note "$2/bin/pip"
cp /usr/share/note "$2/bin/python"
cp /usr/share/note "$2/bin/nova-manage"
cp /usr/share/note "$2/bin/nova-compute"
"""
REGISTRY = """\
# The registry
# DOCKER_REGISTRY_CONFIG=/etc/docker-registry.yml
SETTINGS_FLAVOR=local
REGISTRY_ADDRESS=0.0.0.0
REGISTRY_PORT=5000
"""
NOVA = "[DEFAULT]\n# Driver to use\n#compute_driver=<None>\nverbose=true\n"
GLANCE = "[DEFAULT]\n#container_formats = ami,ari,aki,bare,ovf,ova\n\n[paste_deploy]\nflavor = keystone\n"
COMPUTE = """\
#!/bin/sh
suffix=compute
prog=openstack-nova-$suffix
exec="/usr/bin/nova-$suffix"
[ -e /etc/sysconfig/$prog ] && . /etc/sysconfig/$prog
"""
OLD = {"rdo_release": "rdo-release"}


@pytest.fixture(scope="module")
def centos(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    packages = [
        *(Package(name, "1") for name in ("rdo-release", "qpid-cpp-server", "telnet", "git")),
        Package("docker-io", "1", {"/etc/init.d/docker": NOTE}),
        Package("redis", "2", {"/etc/init.d/redis": NOTE}),
        *(Package(f"{name}-devel", "1") for name in ("libxslt", "libffi", "python", "mysql")),
        Package("gcc", "4.4"),
        Package("ruby", "1.8"),
        Package("python-django14", "1.4"),
        Package(
            "docker-registry",
            "0.6.8",
            {"/etc/sysconfig/docker-registry": REGISTRY, "/etc/init.d/docker-registry": NOTE},
        ),
        Package("python-virtualenv", "1.10", {"/usr/bin/virtualenv": VIRTUALENV}),
        Package("yum", "3.2", {"/usr/bin/yum": '#!/bin/sh\nexec dnf "$@"\n', "/usr/share/note": NOTE}),
        INITSCRIPTS,
        Package(
            "openstack-nova",
            "2014.1",
            {"/etc/nova/nova.conf": NOVA, "/etc/init.d/openstack-nova-compute": COMPUTE},
        ),
        Package(
            "openstack-glance",
            "2014.1",
            {"/etc/glance/glance-api.conf": GLANCE, "/etc/init.d/openstack-glance-api": NOTE},
        ),
    ]
    one = stand_in(tmp_path_factory.mktemp("centos"), CENTOS_6, packages, "NEUTRON")
    one.install("yum", "initscripts", "openstack-nova", "openstack-glance")
    for place in ("bin/git", "lib/git-core", "share/git-core"):
        one.path(f"/usr/{place}").symlink_to(f"/host/usr/{place}")
    users = "root:x:0:0::/root:/bin/sh\nrdo:x:0:0::/home/rdo:/bin/sh\nnova:x:0:0::/var/lib/nova:/bin/sh\n"
    groups = "root:x:0:\nwheel:x:10:rdo\nlibvirt:x:11:nova\ndocker:x:12:nova\n"
    nova = {
        "/srv/nova/requirements.txt": "",
        "/srv/nova/setup.py": "",
        "/srv/nova/nova/virt/docker/driver.py": "",
    }
    write(one.root, {"/etc/passwd": users, "/etc/group": groups, **nova})
    git: list[str | Path] = [
        "git",
        "-C",
        one.path("/srv/nova"),
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
    ]
    process.run([*git, "init", "--quiet", "--initial-branch=main"])
    process.run([*git, "add", "."])
    process.run([*git, "commit", "--quiet", "--message", "with the driver"])
    process.run([*git, "rm", "--quiet", "nova/virt/docker/driver.py"])
    process.run([*git, "commit", "--quiet", "--message", "without the driver"])
    process.run([*git, "tag", "without"])
    process.run([*git, "tag", "with", "HEAD~1"])
    return one


def run(machine: Machine, *flags: str, **variables: Any) -> Played:
    nova = {"rdo_docker_nova_repository": "/srv/nova", "rdo_docker_nova_version": "with"}
    return play(machine, "rdo_docker", *flags, **{**OLD, **nova, **variables})


def test_check_mode_changes_nothing_before_the_first_run(centos: Machine) -> None:
    before = seen(centos)
    played = run(centos, "--check", "--diff")
    assert played.status == 0, played.output
    assert (seen(centos), asked(centos)) == (before, [])


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"rdo_docker_registry_prot": 1}, "no variable 'rdo_docker_registry_prot'"),
        ({"rdo_docker_registry_port": "many"}, "rdo_docker_registry_port"),
    ],
)
def test_bad_input_is_refused_by_name(centos: Machine, wrong: Mapping[str, Any], says: str) -> None:
    before = seen(centos)
    played = run(centos, **wrong)
    assert played.status != 0
    assert says in " ".join(played.output.split()), played.output
    assert seen(centos) == before


def test_docker_under_nova_once(centos: Machine) -> None:
    first = run(centos)
    assert first.status == 0, first.output
    assert "CONFIG_NEUTRON_INSTALL=n\n" in centos.path(KEPT).read_text()
    registry = centos.path("/etc/sysconfig/docker-registry").read_text().splitlines()
    assert registry[:2] == REGISTRY.splitlines()[:2]
    assert "export SETTINGS_FLAVOR=openstack" in registry
    assert "export REGISTRY_PORT=5042" in registry
    assert "export OS_GLANCE_URL=http://127.0.0.1:9292" in registry
    assert ". /root/keystonerc_admin" in registry
    assert "REGISTRY_PORT=5000" not in registry
    assert "SETTINGS_FLAVOR=local" not in registry
    assert "\ncompute_driver=docker.DockerDriver\n" in centos.path("/etc/nova/nova.conf").read_text().replace(
        " = ", "="
    )
    formats = "container_formats=ami,ari,aki,bare,ovf,ova,docker"
    assert formats in centos.path("/etc/glance/glance-api.conf").read_text().replace(" = ", "=")
    override = centos.path("/etc/sysconfig/openstack-nova-compute").read_text()
    assert "/usr/local/OPENSTACKVE/bin/nova-compute" in override
    said = asked(centos)
    assert [line for line in said if line.startswith("pip")] == [
        "pip install -r requirements.txt qpid-python mysql-python"
    ]
    assert said.index("python setup.py install") < said.index("nova-manage db sync")
    assert {"docker start", "redis start", "docker-registry start"} <= set(said)
    assert any(line.startswith("openstack-glance-api ") for line in said)


def test_a_nova_without_the_driver_is_refused(centos: Machine) -> None:
    played = run(centos, rdo_docker_nova_version="without")
    assert played.status != 0
    assert "Nova at 'without' has no nova/virt/docker/driver.py" in " ".join(played.output.split())
