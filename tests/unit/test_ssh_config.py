"""The texts that plain OpenSSH reads."""

from __future__ import annotations

import shutil
import subprocess
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from devbox.errors import Refused
from devbox.guest.ssh import Endpoint
from devbox.guest.ssh_config import fragment, home_config, include_line, known_hosts_text
from devbox.paths import Home


def endpoint(name: str, home: Home, last: int) -> Endpoint:
    address = IPv4Address(f"127.77.0.{last}")
    return Endpoint(f"{name}.g.devbox", address, 2222, "devbox", home.key, f"ssh-ed25519 KEY{last} {name}")


GOLDEN = """\
# Written by devbox; changes are lost.

Host api.g.devbox
    HostName 127.77.0.10
    Port 2222
    User devbox
    IdentityFile /h/ssh/id_ed25519
    IdentitiesOnly yes
    PreferredAuthentications publickey
    UserKnownHostsFile /h/environments/g/known_hosts
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    HostKeyAlias api.g.devbox
    HostKeyAlgorithms ssh-ed25519
    KexAlgorithms ^curve25519-sha256
    CheckHostIP no
    ForwardAgent no
    ServerAliveInterval 15
    LogLevel ERROR
"""


def test_a_fragment_as_it_is_written() -> None:
    home = Home(Path("/h"))
    known_hosts = home.environment("g").known_hosts
    assert fragment([endpoint("api", home, 10)], known_hosts) == GOLDEN


def test_each_machine_has_its_block() -> None:
    home = Home(Path("/h"))
    both = [endpoint("api", home, 10), endpoint("db", home, 11)]
    text = fragment(both, Path("/h/known_hosts"))
    assert [line for line in text.splitlines() if line.startswith("Host ")] == [
        "Host api.g.devbox",
        "Host db.g.devbox",
    ]
    assert "\n\nHost db.g.devbox\n    HostName 127.77.0.11\n" in text


def test_an_environment_without_machines_has_an_empty_fragment() -> None:
    assert fragment([], Path("/h/known_hosts")) == "# Written by devbox; changes are lost.\n"


def test_known_hosts_has_aliases_and_no_comments() -> None:
    home = Home(Path("/h"))
    assert known_hosts_text([endpoint("api", home, 10), endpoint("db", home, 11)]) == (
        "api.g.devbox ssh-ed25519 KEY10\ndb.g.devbox ssh-ed25519 KEY11\n"
    )


@pytest.mark.parametrize(
    "home, line",
    [
        ("/h", "Include /h/ssh/config"),
        ("/my home", 'Include "/my home/ssh/config"'),
        ("/it's", 'Include "/it\'s/ssh/config"'),
        ("/a[1]*", "Include /a[[]1][*]/ssh/config"),
    ],
)
def test_the_line_for_the_users_own_file(home: str, line: str) -> None:
    assert include_line(Home(Path(home))) == line


def test_the_home_wide_file_leads_to_all_environments() -> None:
    assert home_config(Home(Path("/my home"))).endswith('\nInclude "/my home/environments/*/ssh_config"\n')


def test_a_percent_sign_is_no_token() -> None:
    home = Home(Path("/100%h"))
    assert "IdentityFile /100%%h/ssh/id_ed25519\n" in fragment([endpoint("api", home, 10)], Path("/k"))


@pytest.mark.parametrize("path", ['/a"b', "/a\nb", "/a\\b", "/${HOME}"])
def test_what_openssh_cannot_read_is_refused(path: str) -> None:
    with pytest.raises(Refused, match="OpenSSH"):
        include_line(Home(Path(path)))


@pytest.mark.integration
@pytest.mark.parametrize("folder", ["plain", "with blanks", "it's", "100%h", "a[1]"])
def test_openssh_reads_what_we_write(tmp_path: Path, folder: str) -> None:
    if not shutil.which("ssh"):
        pytest.skip("OpenSSH's client is not installed")
    home = Home(tmp_path / folder)
    environment = home.environment("g")
    environment.root.mkdir(parents=True)
    home.ssh_config.parent.mkdir()
    environment.ssh_config.write_text(fragment([endpoint("api", home, 10)], environment.known_hosts))
    home.ssh_config.write_text(home_config(home))
    mine = tmp_path / "config"
    mine.write_text(f"{include_line(home)}\n")
    command = ["ssh", "-G", "-F", str(mine), "api.g.devbox"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    read = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert read["hostname"] == "127.77.0.10"
    assert read["port"] == "2222"
    assert read["user"] == "devbox"
    assert read["hostkeyalias"] == "api.g.devbox"
    assert read["userknownhostsfile"] == str(environment.known_hosts)
    assert read["stricthostkeychecking"] in ("true", "yes")
    assert read["kexalgorithms"].startswith("curve25519-sha256,")
    other = subprocess.run(["ssh", "-G", "-F", str(mine), "else"], capture_output=True, text=True, check=True)
    assert "127.77.0.10" not in other.stdout
