"""The archive that makes a machine itself."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.guest.identity import Identity, identity_archive

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
API = Identity(
    name="api",
    domain="glance-dev.devbox",
    machines={"db": IPv4Address("10.77.0.11"), "api": IPv4Address("10.77.0.10")},
    ip=IPv4Address("10.77.0.10"),
    prefix=24,
    uplink_mac="52:54:00:aa:bb:01",
    segment_mac="52:54:00:aa:bb:02",
    uplink=IPv4Network("10.0.2.0/24"),
    host_key="-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
    host_key_public="ssh-ed25519 AAAAhost api",
    authorized_keys=("ssh-ed25519 AAAAone", "ssh-ed25519 AAAAtwo\n"),
    machine_id="0123456789abcdef0123456789abcdef",
)
PROXIED = replace(
    API,
    proxies={"http": "http://10.0.2.2:3128", "https": "http://10.0.2.2:3128", "no": "localhost,10.77.0.0/24"},
    authorities=("-----BEGIN CERTIFICATE-----\nONE\n-----END CERTIFICATE-----\n", "TWO"),
)


def members(identity: Identity) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(identity_archive(identity))) as archive:
        return {member.name: member for member in archive}


def read(identity: Identity, path: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(identity_archive(identity))) as archive:
        file = archive.extractfile(path)
        assert file is not None
        return file.read().decode()


def test_equal_identities_give_equal_bytes() -> None:
    turned = replace(API, machines=dict(reversed(list(API.machines.items()))))
    assert identity_archive(API) == identity_archive(turned)
    assert identity_archive(API) != identity_archive(replace(API, name="web"))


def test_secrets_are_their_owners_alone() -> None:
    found = members(API)
    assert found["etc/ssh/ssh_host_ed25519_key"].mode == 0o600
    assert found["etc/ssh/ssh_host_ed25519_key"].uid == 0
    keys = found["home/devbox/.ssh/authorized_keys"]
    assert (keys.mode, keys.uid, keys.gid) == (0o600, 1000, 1000)


def test_names_of_owners_are_left_to_the_guest() -> None:
    assert {(member.uname, member.gname) for member in members(API).values()} == {("", "")}


def test_no_member_leaves_the_root_or_replaces_a_folder() -> None:
    for name, member in members(PROXIED).items():
        assert member.isreg()
        assert not name.startswith("/")
        assert ".." not in name.split("/")


def test_names_of_all_machines() -> None:
    assert read(API, "etc/hostname") == "api\n"
    lines = read(API, "etc/hosts").splitlines()
    assert lines[0] == "127.0.0.1 localhost"
    assert lines[-2:] == [
        "10.77.0.10 api.glance-dev.devbox api",
        "10.77.0.11 db.glance-dev.devbox db",
    ]


def test_the_network_has_its_way_out_on_the_uplink_alone() -> None:
    assert read(API, "etc/devbox/network").splitlines() == [
        "52:54:00:aa:bb:01 uplink 10.0.2.15/24 10.0.2.2",
        "52:54:00:aa:bb:02 segment 10.77.0.10/24",
    ]
    assert read(API, "etc/resolv.conf").splitlines() == ["nameserver 10.0.2.3", "search glance-dev.devbox"]


def test_another_uplink_moves_gateway_and_resolver() -> None:
    moved = replace(API, uplink=IPv4Network("10.0.3.0/24"))
    assert " 10.0.3.15/24 10.0.3.2\n" in read(moved, "etc/devbox/network")
    assert read(moved, "etc/resolv.conf").startswith("nameserver 10.0.3.3\n")


@pytest.mark.parametrize(
    "path", ["etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub", "etc/machine-id"]
)
def test_texts_end_with_one_line_end(path: str) -> None:
    text = read(API, path)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def test_each_key_has_its_line() -> None:
    assert read(API, "home/devbox/.ssh/authorized_keys") == "ssh-ed25519 AAAAone\nssh-ed25519 AAAAtwo\n"


def test_nothing_is_passed_on_where_the_host_has_nothing() -> None:
    assert read(API, "etc/environment") == ""
    assert read(API, "etc/pip.conf") == ""
    assert read(API, "etc/apt/apt.conf.d/91devbox-proxy") == ""
    assert not [name for name in members(API) if "ca-certificates" in name]


def test_proxies_reach_sessions_services_and_apt() -> None:
    environment = read(PROXIED, "etc/environment").splitlines()
    assert 'http_proxy="http://10.0.2.2:3128"' in environment
    assert 'HTTPS_PROXY="http://10.0.2.2:3128"' in environment
    assert 'no_proxy="localhost,10.77.0.0/24"' in environment
    services = read(PROXIED, "etc/systemd/system.conf.d/devbox.conf")
    assert services.startswith("[Manager]\nDefaultEnvironment=")
    assert '"http_proxy=http://10.0.2.2:3128"' in services
    assert read(PROXIED, "etc/apt/apt.conf.d/91devbox-proxy") == (
        'Acquire::http::Proxy "http://10.0.2.2:3128";\nAcquire::https::Proxy "http://10.0.2.2:3128";\n'
    )


def test_a_percent_sign_is_no_specifier_of_systemd() -> None:
    encoded = replace(API, proxies={"http": "http://me:a%20b@proxy.example"})
    assert "me:a%%20b@" in read(encoded, "etc/systemd/system.conf.d/devbox.conf")
    assert "me:a%20b@" in read(encoded, "etc/environment")


def test_authorities_are_trusted_by_what_has_its_own_list_too() -> None:
    assert read(PROXIED, "usr/local/share/ca-certificates/devbox-1.crt") == "TWO\n"
    assert f'REQUESTS_CA_BUNDLE="{BUNDLE}"' in read(PROXIED, "etc/environment").splitlines()
    assert read(PROXIED, "etc/pip.conf") == f"[global]\ncert = {BUNDLE}\n"


@given(st.text(alphabet="abcdef0123456789", min_size=32, max_size=32))
def test_the_machine_id_is_written_as_systemd_wants_it(machine_id: str) -> None:
    assert read(replace(API, machine_id=machine_id), "etc/machine-id") == f"{machine_id}\n"


def test_it_fits_the_slow_way_in() -> None:
    """The guest reads fw_cfg a page at a time, each from the start: a large archive takes long."""
    assert len(identity_archive(PROXIED)) <= 32768
