"""Workarounds for RPM distributions, on stand-ins for these: real packages, real modules, made-up files."""

from __future__ import annotations

from pathlib import Path

import pytest
from dressed import (
    CENTOS_6,
    CENTOS_STREAM_9,
    FEDORA_19,
    FEDORA_20,
    Distribution,
    Machine,
    Package,
    build,
    release,
)

pytestmark = pytest.mark.integration

FIXTURES = Path(__file__).resolve().parent.parent / "workarounds"
TEMPLATE = "/usr/lib/python2.7/site-packages/packstack/puppet/templates/nova_compute.pp"
PACKSTACK = [
    "packstack-django14",
    "packstack-ruby-puppet",
    "packstack-kvm-modules",
    "tuned-virtual-host-retry",
]
NOVA = ["nova-services-from-virtualenv"]

# What rubypick does: /usr/bin/ruby is whichever there is, and Puppet's parts are where MRI looks.
PUPPET = """\
#!/bin/sh
[ -x /usr/bin/ruby-mri ] && echo 3.1.1 && exit
echo 'LoadError: no such file to load -- puppet/util/command_line' >&2
exit 1
"""
# Tells what systemd would, and remembers what it was asked for.
SYSTEMCTL = """\
#!/bin/sh
echo "$@" >>/var/log/systemctl
case $1 in
show) printf 'Id=%s\\nLoadState=loaded\\nActiveState=active\\nSubState=running\\n' "$2" ;;
list-units) echo 'openstack-nova-compute.service loaded active running OpenStack Nova' ;;
list-unit-files) printf 'openstack-nova-%s.service enabled\\n' compute novncproxy ;;
esac
"""
SYSTEMD = Package("systemd", "204", {"/usr/bin/systemctl": SYSTEMCTL, "/run/systemd/system/.keep": ""})


def tree(entry: str, case: str) -> dict[str, str]:
    """The texts of a fixture, by absolute path."""
    root = FIXTURES / entry / case / "root"
    return {f"/{file.relative_to(root)}": file.read_text() for file in root.rglob("*") if file.is_file()}


def templates(kvm: str, tuned: str) -> dict[str, str]:
    """Packstack's template, out of the fixtures of two workarounds that are about different parts of it."""
    return {
        TEMPLATE: tree("packstack-kvm-modules", kvm)[TEMPLATE]
        + tree("tuned-virtual-host-retry", tuned)[TEMPLATE]
    }


PACKAGES = [
    *map(release, (FEDORA_19, FEDORA_20, CENTOS_6, CENTOS_STREAM_9)),
    SYSTEMD,
    Package("openstack-packstack", "2013.1.1", templates("broken", "broken")),
    Package("openstack-packstack", "2014.1.1", templates("fixed", "fixed")),
    Package("python-django", "1.5.1", provides=["Django = 1.5.1"]),
    Package("python-django14", "1.4.5", provides=["Django = 1.4.5"], conflicts=["python-django"]),
    Package("jruby", "1.7.2", {"/usr/bin/ruby-jruby": "#!/bin/sh\n"}, provides=["ruby(release)"]),
    Package("ruby", "2.0.0.247", {"/usr/bin/ruby-mri": "#!/bin/sh\n"}, provides=["ruby(release)"]),
    Package("puppet", "3.1.1", {"/usr/bin/puppet": PUPPET}, requires=["ruby(release)"]),
    Package("tuned", "2.2.2", {"/usr/sbin/tuned-adm": "#!/bin/sh\n"}),
    Package("tuned", "2.3.0", {"/usr/sbin/tuned-adm": "#!/bin/sh\n"}),
    Package("openstack-nova", "2014.1", tree("nova-services-from-virtualenv", "broken")),
    Package("openstack-nova", "27.0.0", tree("nova-services-from-virtualenv", "broken-units")),
]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(PACKAGES, tmp_path_factory.mktemp("packages"))


def dressed(tmp_path: Path, repository: Path, distribution: Distribution, *packages: str) -> Machine:
    machine = Machine(tmp_path / "machine", repository)
    machine.install(f"{distribution.package}-{distribution.version}", *packages)
    return machine


@pytest.mark.parametrize(
    "distribution, name, major",
    [
        (FEDORA_19, "Fedora", "19"),
        (FEDORA_20, "Fedora", "20"),
        (CENTOS_6, "CentOS", "6"),
        (CENTOS_STREAM_9, "CentOS", "9"),
    ],
    ids=["Fedora 19", "Fedora 20", "CentOS 6", "CentOS Stream 9"],
)
def test_ansible_takes_it_for_what_it_is_dressed_as(
    tmp_path: Path, repository: Path, distribution: Distribution, name: str, major: str
) -> None:
    machine = dressed(tmp_path, repository, distribution)
    wanted = {
        "distribution": name,
        "distribution_major_version": major,
        "os_family": "RedHat",
        "pkg_mgr": "dnf",
    }
    told = machine.play(
        [
            {"ansible.builtin.setup": {"gather_subset": ["min"]}},
            {"ansible.builtin.package_facts": {}},
            {
                "ansible.builtin.assert": {
                    "that": [
                        *(f"ansible_facts['{fact}'] == '{value}'" for fact, value in wanted.items()),
                        f"ansible_facts['packages'].keys() | list == ['{distribution.package}']",
                    ]
                }
            },
        ]
    )
    assert told.status == 0, told.output


def test_packstack_on_fedora_19(tmp_path: Path, repository: Path) -> None:
    machine = dressed(
        *(tmp_path, repository, FEDORA_19, "systemd", "openstack-packstack-2013.1.1"),
        *("python-django", "jruby", "puppet", "tuned-2.2.2"),
    )
    installed, template = machine.run("rpm", "-qa"), machine.path(TEMPLATE).read_text()

    looked = machine.work_around(PACKSTACK, "--check", "--diff")
    assert looked.status == 0, looked.output
    assert looked.outcomes == dict.fromkeys(PACKSTACK, "found")
    assert "python-django 1.5.1 is" in looked.reasons["packstack-django14"]
    assert "openstack-packstack and puppet are" in looked.reasons["packstack-ruby-puppet"]
    assert machine.run("rpm", "-qa") == installed
    assert machine.path(TEMPLATE).read_text() == template

    mended = machine.work_around(PACKSTACK)
    assert mended.status == 0, mended.output
    assert mended.outcomes == dict.fromkeys(PACKSTACK, "applied")
    now = machine.run("rpm", "-qa", "--queryformat", "%{NAME}-%{VERSION}\n").split()
    assert set(now) >= {
        "python-django14-1.4.5",
        "ruby-2.0.0.247",
        "tuned-2.3.0",
        "openstack-packstack-2013.1.1",
    }
    assert "python-django-1.5.1" not in now
    assert machine.run("puppet", "--version") == "3.1.1\n"
    assert "restart tuned" in machine.path("/var/log/systemctl").read_text()
    text = machine.path(TEMPLATE).read_text()
    assert text.count("onlyif => '/usr/bin/test -e /etc/sysconfig/modules/kvm.modules',") == 1
    assert text.count("tries => 3,") == 1

    again = machine.work_around(PACKSTACK)
    assert again.status == 0, again.output
    assert again.outcomes == dict.fromkeys(PACKSTACK, "not found")
    assert not again.changed


@pytest.mark.parametrize(
    "distribution, packages",
    [
        (FEDORA_19, ["openstack-packstack-2014.1.1", "python-django14", "ruby", "puppet"]),
        (FEDORA_20, ["openstack-packstack-2014.1.1", "python-django", "jruby", "puppet", "tuned-2.2.2"]),
        (CENTOS_STREAM_9, ["puppet", "jruby", "openstack-nova-27.0.0"]),
    ],
    ids=["mended before", "a later Fedora", "today"],
)
def test_nothing_is_found_where_nothing_is_wrong(
    tmp_path: Path, repository: Path, distribution: Distribution, packages: list[str]
) -> None:
    machine = dressed(tmp_path, repository, distribution, *packages)
    installed = machine.run("rpm", "-qa")
    # Nova's programs are where the package put them, so that this virtualenv has none.
    told = machine.work_around([*PACKSTACK, *NOVA], workaround_nova_virtualenv="/opt/other")
    assert told.status == 0, told.output
    assert told.outcomes == dict.fromkeys([*PACKSTACK, *NOVA], "not found")
    assert not told.changed
    assert machine.run("rpm", "-qa") == installed
    assert machine.run("rpm", "--verify", "--all") == ""


def test_init_scripts_of_centos_6_run_the_virtualenvs_nova(tmp_path: Path, repository: Path) -> None:
    machine = dressed(tmp_path, repository, CENTOS_6, "openstack-nova-2014.1")
    told = machine.work_around(NOVA)
    assert told.status == 0, told.output
    assert told.outcomes == {NOVA[0]: "applied"}
    # What the shell makes of the scripts, which only define things unless they are called with a word.
    for name, program in {
        "compute": "nova-compute",
        "metadata-api": "nova-api-metadata",
        "network": "nova-network",
    }.items():
        said = machine.run("sh", "-c", f". /etc/init.d/openstack-nova-{name}; echo $exec")
        assert said == f"/opt/venv/nova/bin/{program}\n"
    assert machine.run("sh", "-c", ". /etc/init.d/openstack-nova-cert; echo $exec") == "/usr/bin/nova-cert\n"
    again = machine.work_around(NOVA)
    assert (again.outcomes, again.changed) == ({NOVA[0]: "not found"}, []), again.output


def test_units_of_rdo_run_the_virtualenvs_nova(tmp_path: Path, repository: Path) -> None:
    machine = dressed(tmp_path, repository, CENTOS_STREAM_9, "systemd", "openstack-nova-27.0.0")
    told = machine.work_around(NOVA)
    assert told.status == 0, told.output
    assert told.outcomes == {NOVA[0]: "applied"}
    addition = machine.path(
        "/etc/systemd/system/openstack-nova-novncproxy.service.d/virtualenv.conf"
    ).read_text()
    assert addition.splitlines()[1:] == [
        "ExecStart=",
        "ExecStart=/opt/venv/nova/bin/nova-novncproxy --web /usr/share/novnc/ $OPTIONS",
    ]
    asked = machine.path("/var/log/systemctl").read_text().splitlines()
    assert "daemon-reload" in asked
    assert [line for line in asked if line.startswith("restart")] == ["restart openstack-nova-compute"]
    again = machine.work_around(NOVA)
    assert (again.outcomes, again.changed) == ({NOVA[0]: "not found"}, []), again.output
