"""Stand-ins of RPM distributions in which packstack can be run.

Their packstack is a script: it writes an answer file of the right shape, and notes that it was given one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dressed import SUDO, Distribution, Machine, Package, Played, build, release, write

ANSWERS = """\
[general]

# Path to a Public key to install on servers
CONFIG_SSH_KEY=

# Set to 'y' if you would like Packstack to install the network
CONFIG_{network}_INSTALL=y

# Comma separated list of servers to be excluded
EXCLUDE_SERVERS=

CONFIG_NTP_SERVERS=
CONFIG_MYSQL_HOST=192.168.122.101
CONFIG_NOVA_COMPUTE_HOSTS=192.168.122.101
CONFIG_NOVA_COMPUTE_PRIVIF=eth1
CONFIG_NOVA_NETWORK_PUBIF=eth0
CONFIG_NOVA_NETWORK_PRIVIF=eth1
CONFIG_NOVA_NETWORK_FIXEDRANGE=192.168.32.0/22
CONFIG_PROVISION_DEMO=n
"""
PACKSTACK = """\
#!/bin/sh
case "$1" in
--gen-answer-file=*) cp /usr/share/answers.txt "${1#*=}" ;;
*) echo "$1" >> /var/log/packstack
   if [ -e /var/broken ]; then rm /var/broken; echo Puppet is unhappy; exit 1; fi ;;
esac
"""
PAGE = (
    "for port in 5000 5672; do"
    " python3 -m http.server --directory /srv/page $port >/dev/null 2>&1 & done; sleep 1"
)
KEPT = "/home/rdo/answers.txt"
# Services run that were started; those of runlevels are on that were turned on.
SERVICE = """\
#!/bin/sh
case "$2" in
status) [ -e "/run/$1" ] || exit 3; echo "$1 is running..." ;;
start) touch "/run/$1" ;;
esac
[ "$2" = status ] || echo "service $*" >> /var/log/asked
"""
CHKCONFIG = """\
#!/bin/sh
case "$1" in
--list) on=off; [ -e "/var/on-$2" ] && on=on; echo "$2 0:off 1:off 2:$on 3:$on 4:$on 5:$on 6:off" ;;
--level) touch "/var/on-$3" ;;
*) touch "/var/on-$1" ;;
esac
"""
INITSCRIPTS = Package("initscripts", "9", {"/usr/sbin/service": SERVICE, "/usr/sbin/chkconfig": CHKCONFIG})


def stand_in(folder: Path, distribution: Distribution, packages: Sequence[Package], network: str) -> Machine:
    """A machine whose one user has two names, so that nothing needs rights."""
    every = [
        release(distribution),
        Package(
            "openstack-packstack",
            "2013.1.1",
            {"/usr/bin/packstack": PACKSTACK, "/usr/share/answers.txt": ANSWERS.format(network=network)},
        ),
        Package("sudo", "1.8", {"/usr/bin/sudo": SUDO}),
        *packages,
    ]
    one = Machine(folder / "root", build(every, folder / "packages"))
    one.install(distribution.package, "sudo")
    for program, place in (("ssh-keygen", "bin"), ("usermod", "sbin"), ("ip", "bin")):
        one.path(f"/sbin/{program}").symlink_to(f"/host/usr/{place}/{program}")
    write(
        one.root,
        {
            "/etc/passwd": "root:x:0:0::/root:/bin/sh\nrdo:x:0:0::/home/rdo:/bin/sh\n",
            "/etc/group": "root:x:0:\nwheel:x:10:rdo\n",
            "/srv/page/v2.0/index.html": "{}",
            "/srv/page/v3": "{}",
        },
    )
    one.path("/home/rdo").mkdir(parents=True)
    return one


def play(machine: Machine, role: str, *flags: str, **variables: Any) -> Played:
    """Run a role in it, with a page where Keystone would answer."""
    serve = {"ansible.builtin.shell": PAGE, "changed_when": False, "check_mode": False}
    included = {"ansible.builtin.include_role": {"name": role}}
    return machine.play(
        [serve, included],
        *flags,
        **{"rdo_address": "127.0.0.1", **variables},
    )


def seen(machine: Machine) -> Mapping[str, bytes]:
    folders = [machine.path(place) for place in ("/etc", "/home", "/root/.ssh")]
    files = [
        file for folder in folders for file in folder.rglob("*") if file.is_file() and not file.is_symlink()
    ]
    return {str(file): file.read_bytes() for file in files}


def packstack_ran(machine: Machine) -> list[str]:
    log = machine.path("/var/log/packstack")
    return log.read_text().splitlines() if log.exists() else []


def asked(machine: Machine) -> list[str]:
    """What scripts in it noted."""
    log = machine.path("/var/log/asked")
    return log.read_text().splitlines() if log.exists() else []
