"""The playbook rdo, from the user to the second packstack, on stand-ins of Fedora 19 and CentOS Stream 9."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from clouds import ANSWERS, INITSCRIPTS, KEPT, packstack_ran, play, seen, stand_in
from dressed import CENTOS_STREAM_9, FEDORA_19, Machine, Package, Played, write

pytestmark = pytest.mark.integration

QPIDD = "# a broker\ncluster-mechanism=DIGEST-MD5 ANONYMOUS\n"
YUM = '#!/bin/sh\nexec dnf "$@"\n'


@pytest.fixture(scope="module")
def fedora(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    packages = [
        Package("rdo-release", "havana"),
        Package("qpid-cpp-server", "0.22", {"/etc/qpidd.conf": QPIDD, "/etc/init.d/qpidd": "#!/bin/sh\n"}),
        Package("yum", "3.4", {"/usr/bin/yum": YUM}),
        INITSCRIPTS,
        Package("ruby", "2.0"),
        Package("python-django14", "1.4"),
    ]
    one = stand_in(tmp_path_factory.mktemp("fedora"), FEDORA_19, packages, "QUANTUM")
    one.install("yum", "initscripts")
    return one


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    packages = [
        Package("centos-release-openstack-caracal", "1"),
        Package("libselinux-utils", "3", {"/usr/sbin/getenforce": "#!/bin/sh\necho Permissive\n"}),
    ]
    one = stand_in(tmp_path_factory.mktemp("stream"), CENTOS_STREAM_9, packages, "NEUTRON")
    one.install("libselinux-utils")
    crb = "[crb]\nname=crb\nbaseurl=file:///repository\ngpgcheck=0\n"
    write(
        one.root, {"/etc/selinux/config": "# SELinux\nSELINUX=enforcing\n", "/etc/yum.repos.d/crb.repo": crb}
    )
    return one


def rdo(machine: Machine, *flags: str, **variables: Any) -> Played:
    return play(machine, "rdo", *flags, **variables)


class TestHistorical:
    RELEASE: Mapping[str, str] = {"rdo_release": "file:///repository/noarch/rdo-release-havana-1.noarch.rpm"}

    def test_check_mode_changes_nothing_before_the_first_run(self, fedora: Machine) -> None:
        before = seen(fedora)
        played = rdo(fedora, "--check", "--diff", **self.RELEASE)
        assert played.status == 0, played.output
        assert seen(fedora) == before
        assert packstack_ran(fedora) == []

    def test_all_of_it_once_and_again_only_for_other_answers(self, fedora: Machine) -> None:
        first = rdo(fedora, **self.RELEASE)
        assert first.status == 0, first.output
        assert fedora.path(KEPT).read_text() == (
            ANSWERS.format(network="QUANTUM")
            .replace("SSH_KEY=", "SSH_KEY=/home/rdo/.ssh/id_rsa.pub")
            .replace("QUANTUM_INSTALL=y", "QUANTUM_INSTALL=n")
            .replace("192.168.122.101", "127.0.0.1")
            .replace("PRIVIF=eth1", "PRIVIF=lo")
            .replace("PUBIF=eth0", "PUBIF=lo")
            .replace("DEMO=n", "DEMO=y")
        )
        assert packstack_ran(fedora) == [f"--answer-file={KEPT}"]
        assert "\ncluster-mechanism" not in fedora.path("/etc/qpidd.conf").read_text()
        key = fedora.path("/home/rdo/.ssh/id_rsa.pub").read_text()
        assert fedora.path("/root/.ssh/authorized_keys").read_text() == key
        assert first.outcomes["qpidd-cluster-mechanism"] == "not found"  # it was asked a second time
        second = rdo(fedora, **self.RELEASE)
        assert (second.status, second.changed) == (0, []), second.output
        fedora.path("/var/broken").touch()
        third = rdo(fedora, **self.RELEASE, rdo_answers={"CONFIG_NTP_SERVERS": "10.0.0.1"})
        assert third.status == 0, third.output
        assert "CONFIG_NTP_SERVERS=10.0.0.1\n" in fedora.path(KEPT).read_text()
        assert len(packstack_ran(fedora)) == 3  # the first of the two failed

    @pytest.mark.parametrize(
        "wrong, says",
        [
            ({"rdo_anwers": {}}, "no variable 'rdo_anwers'"),
            (
                {"rdo_answers": {"CONFIG_NOVA_INSTAL": "y", "CONFIG_NO": "n"}},
                "it lacks the key 'CONFIG_NOVA_INSTAL'; it lacks the key 'CONFIG_NO'",
            ),
            ({"rdo_answers": {"CONFIG_PROVISION_DEMO": True}}, "must stand in quotes"),
            (
                {"rdo_address": "10.9.8.7"},
                "'rdo_address' must be an address of the machine and is '10.9.8.7'",
            ),
            ({"rdo_user": "root"}, "a user other than root"),
        ],
    )
    def test_bad_input_is_refused_by_name(self, fedora: Machine, wrong: Mapping[str, Any], says: str) -> None:
        write(fedora.root, {KEPT: ANSWERS.format(network="QUANTUM")})
        before = seen(fedora), packstack_ran(fedora)
        played = rdo(fedora, **{**self.RELEASE, **wrong})
        assert played.status != 0
        assert says in " ".join(played.output.split()), played.output
        assert (seen(fedora), packstack_ran(fedora)) == before

    def test_windows_line_ends_are_refused_and_left(self, fedora: Machine) -> None:
        text = ANSWERS.format(network="QUANTUM").replace("\n", "\r\n").encode()
        fedora.path(KEPT).write_bytes(text)
        before = packstack_ran(fedora)
        played = rdo(fedora, **self.RELEASE)
        assert played.status != 0
        assert f"'{KEPT}' can't be edited" in " ".join(played.output.split()), played.output
        assert fedora.path(KEPT).read_bytes() == text
        assert packstack_ran(fedora) == before


class TestToday:
    def test_all_of_it_once(self, stream: Machine) -> None:
        first = rdo(stream)
        assert first.status == 0, first.output
        text = stream.path(KEPT).read_text()
        assert "CONFIG_NEUTRON_INSTALL=y\n" in text
        assert "CONFIG_MYSQL_HOST=127.0.0.1\n" in text
        assert "PRIVIF=eth1" in text  # nova-network's, which this face has not
        assert stream.path("/etc/selinux/config").read_text() == "# SELinux\nSELINUX=permissive\n"
        assert packstack_ran(stream) == [f"--answer-file={KEPT}"]
        second = rdo(stream)
        assert (second.status, second.changed) == (0, []), second.output

    def test_neutron_cannot_be_left_out(self, stream: Machine) -> None:
        played = rdo(stream, rdo_neutron=False)
        assert played.status != 0
        assert "packstack lost nova-network" in " ".join(played.output.split())

    def test_a_distribution_without_rdo_is_refused(self, stream: Machine) -> None:
        told = {"ansible_distribution": "Debian", "ansible_distribution_version": "12.5"}
        dress = {
            "ansible.builtin.set_fact": {
                **told,
                "ansible_distribution_major_version": "12",
                "cacheable": True,
            }
        }
        role = {"ansible.builtin.include_role": {"name": "rdo"}}
        played = stream.play([dress, role], facts=True, rdo_address="127.0.0.1")
        assert played.status != 0
        assert "this is Debian 12.5" in " ".join(played.output.split())
