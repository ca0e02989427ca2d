"""The playbook devstack: local.conf as it is written, and all of it on a stand-in of CentOS Stream 9.

The stand-in's devstack is a repository with two scripts that note that they ran, its Keystone a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from dressed import CENTOS_STREAM_9, SUDO, Machine, Package, Played, build, release, write

from devbox import process

pytestmark = pytest.mark.integration

RENDERED = Path(__file__).parent.parent / "rendered"
WISHES: dict[str, Any] = {
    "devstack_address": "10.82.0.10",
    "devstack_passwords": {"admin": "secret1"},
    "devstack_disable": ["tempest", "dstat"],
    "devstack_enable": ["s-proxy", "s-object"],
    "devstack_plugins": [{"name": "zun"}, {"name": "mine", "url": "https://example.org/mine", "branch": "x"}],
    "devstack_settings": {
        "IP_VERSION": 4,
        "FLOATING_RANGE": "$HOST_IP/28",
        "SWIFT_HASH": "two words",
        "ASYNC": False,
    },
    "devstack_sections": {
        "post-config|$NOVA_CONF": {"libvirt": {"virt_type": "qemu"}, "DEFAULT": {"debug": True}}
    },
}
STACK = "#!/bin/sh\necho $0 >> ../ran\n"
VISUDO = '#!/bin/sh\nexec grep -q NOPASSWD "$2"\n'
PAGE = "python3 -m http.server --directory /srv/page 80 >/dev/null 2>&1 & sleep 1"


def entry(role: str, part: str = "main") -> dict[str, Any]:
    return {"ansible.builtin.include_role": {"name": role, "tasks_from": part}}


def facts(distribution: str, version: str, family: str) -> dict[str, Any]:
    """A task that dresses the machine for those that follow."""
    told = {"distribution": distribution, "distribution_version": version, "os_family": family}
    told["distribution_major_version"] = version.partition(".")[0]
    return {"ansible.builtin.set_fact": {**{f"ansible_{k}": v for k, v in told.items()}, "cacheable": True}}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("devstack")
    packages = [
        release(CENTOS_STREAM_9),
        Package("git", "2.43"),
        Package("sudo", "1.9", {"/usr/bin/sudo": SUDO, "/usr/sbin/visudo": VISUDO}),
    ]
    one = Machine(folder / "root", build(packages, folder / "packages"))
    one.install(CENTOS_STREAM_9.package)
    for program in ("bin/git", "lib/git-core", "share/git-core", "sbin/usermod"):
        link = one.path(f"/usr/{program}")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"/host/usr/{program}")
    write(
        one.root,
        {
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nstack:x:0:0::/opt/stack:/bin/bash\n",
            "/srv/page/identity/v3": "{}",
            "/srv/devstack/stack.sh": STACK,
            "/srv/devstack/unstack.sh": STACK,
            "/etc/sudoers.d/README": "",
        },
    )
    one.path("/opt/stack").mkdir()
    commit(one.path("/srv/devstack"), "one")
    return one


def commit(folder: Path, message: str) -> None:
    git: list[str | Path] = ["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@example.org"]
    process.run(["git", "init", "--quiet", "--initial-branch=main", folder])
    process.run([*git, "add", "."])
    process.run([*git, "commit", "--quiet", "--message", message])


def stacked(machine: Machine, *flags: str, page: bool = True, **variables: Any) -> Played:
    serve = [{"ansible.builtin.shell": PAGE, "changed_when": False}] if page else []
    wishes = {
        "devstack_address": "127.0.0.1",
        "devstack_repository": "/srv/devstack",
        "devstack_version": "main",
    }
    return machine.play([*serve, entry("devstack")], *flags, **{**wishes, **variables})


@pytest.mark.parametrize(
    "name, told",
    [
        ("local.conf-debian-12", ("Debian", "12.5", "Debian")),
        ("local.conf-fedora-19", ("Fedora", "19", "RedHat")),
    ],
)
def test_local_conf(tmp_path: Path, machine: Machine, name: str, told: tuple[str, str, str]) -> None:
    folder = f"/home/{name}"
    machine.path(f"{folder}/devstack").mkdir(parents=True)
    wishes = {**WISHES, "devstack_folder": folder}
    played = machine.play([facts(*told), entry("devstack", "configure")], **wishes)
    assert played.status == 0, played.output
    file = machine.path(f"{folder}/devstack/local.conf")
    password = machine.path(f"{folder}/.password").read_text().strip()
    text = file.read_text().replace(folder, "/opt/stack").replace(password, "INVENTED")
    assert text == (RENDERED / f"{name}.txt").read_text()
    assert len(password) == 24
    assert file.stat().st_mode & 0o777 == 0o600
    assert machine.play([facts(*told), entry("devstack", "configure")], **wishes).changed == []


def test_check_mode_changes_nothing_before_the_first_run(machine: Machine) -> None:
    before = seen(machine)
    played = stacked(machine, "--check", "--diff", page=False)
    assert played.status == 0, played.output
    assert seen(machine) == before


def seen(machine: Machine) -> Mapping[str, bytes | str]:
    folders = [machine.path(place) for place in ("/etc", "/opt", "/srv")]
    files = [
        file for folder in folders for file in folder.rglob("*") if file.is_file() and not file.is_symlink()
    ]
    return {str(file): file.read_bytes() for file in files}


def test_stacks_once_then_again_only_for_a_change(machine: Machine) -> None:
    ran = machine.path("/opt/stack/ran")
    first = stacked(machine)
    assert first.status == 0, first.output
    assert ran.read_text() == "./stack.sh\n"
    assert "NOPASSWD" in machine.path("/etc/sudoers.d/50_stack_sh").read_text()
    second = stacked(machine)
    assert (second.status, second.changed) == (0, []), second.output
    third = stacked(machine, devstack_settings={"IP_VERSION": 4})
    assert third.status == 0, third.output
    assert ran.read_text().split() == ["./stack.sh", "./unstack.sh", "./stack.sh"]


def test_a_failing_stack_is_reported_with_the_end_of_its_log_and_run_again(machine: Machine) -> None:
    script = machine.path("/srv/devstack/stack.sh")
    log = "/opt/stack/logs/stack.sh.log"
    script.write_text(f"#!/bin/sh\nmkdir -p /opt/stack/logs\necho no room left > {log}\nexit 1\n")
    commit(script.parent, "broken")
    failed = stacked(machine)
    assert failed.status != 0
    assert "no room left" in failed.output
    script.write_text(STACK)
    commit(script.parent, "mended")
    ran = machine.path("/opt/stack/ran")
    ran.unlink(missing_ok=True)
    assert stacked(machine).status == 0
    assert ran.read_text().split()[-1] == "./stack.sh"


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"devstack_adress": "10.0.0.1"}, "no variable 'devstack_adress'"),
        ({"devstack_address": ""}, "'devstack_address' must be the machine's address"),
        ({"devstack_user": "root"}, "other than root"),
        ({"devstack_passwords": {"admin": "it's"}}, "password 'admin'"),
        ({"devstack_passwords": {"admins": "x"}}, "admins"),
        ({"devstack_settings": {"HOST_IP": "1.2.3.4"}}, "can't have 'HOST_IP'"),
        ({"devstack_settings": {"X": "a\\b"}}, "value of 'X'"),
        ({"devstack_settings": {"X": "a\nreboot"}}, "value of 'X'"),
        ({"devstack_enable": ["g-api; reboot"]}, "'g-api; reboot' can't be the name"),
        ({"devstack_sections": {"localrc": {}}}, "'devstack_sections' has 'localrc'"),
    ],
)
def test_bad_input_is_refused_by_name_and_touches_nothing(
    machine: Machine, wrong: Mapping[str, Any], says: str
) -> None:
    before = seen(machine)
    played = stacked(machine, page=False, **wrong)
    assert played.status != 0
    assert says in " ".join(played.output.split()), played.output
    assert seen(machine) == before


def test_a_distribution_that_devstack_does_not_support_is_refused(machine: Machine) -> None:
    played = machine.play(
        [facts("Debian", "11.9", "Debian"), entry("devstack")], devstack_address="127.0.0.1"
    )
    assert played.status != 0
    assert "does not support Debian 11.9" in played.output
