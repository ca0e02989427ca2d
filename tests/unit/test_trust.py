"""The proxies and certificate authorities that machines take over from their host."""

from __future__ import annotations

import datetime as dt
import os
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from devbox.guest.trust import authorities, proxies

GATEWAY, NETWORK = IPv4Address("10.0.2.2"), IPv4Network("10.77.0.0/24")
ALWAYS = "localhost,127.0.0.1,::1,10.77.0.0/24"


def seen(**environ: str) -> dict[str, str]:
    return proxies(environ, gateway=GATEWAY, network=NETWORK)


def certificate(name: str) -> str:
    """A certificate that signed itself."""
    key = Ed25519PrivateKey.generate()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, start, start.replace(year=2040))
    return builder.sign(key, None).public_bytes(Encoding.PEM).decode()


def test_without_a_proxy_there_is_nothing_to_say() -> None:
    assert seen() == {}
    assert seen(http_proxy="", no_proxy=".corp") == {}


@pytest.mark.parametrize(
    "given, seen_by_guest",
    [
        ("http://proxy.corp:3128", "http://proxy.corp:3128"),
        ("proxy.corp:3128", "proxy.corp:3128"),
        ("http://localhost:3128/", "http://10.0.2.2:3128/"),
        ("localhost:3128", "http://10.0.2.2:3128"),
        ("http://127.0.0.1:8080", "http://10.0.2.2:8080"),
        ("http://127.9.9.9:8080", "http://10.0.2.2:8080"),
        ("http://[::1]:8080", "http://10.0.2.2:8080"),
        ("https://user:p%40ss@localhost:443", "https://user:p%40ss@10.0.2.2:443"),
        ("socks5h://localhost:1080", "socks5h://10.0.2.2:1080"),
        ("http://localhost", "http://10.0.2.2"),
        ("http://10.1.2.3:3128", "http://10.1.2.3:3128"),
        ("http://localhost.corp:3128", "http://localhost.corp:3128"),
        ("http://host:port", "http://host:port"),
    ],
)
def test_a_proxy_on_the_hosts_loopback_is_reached_at_the_gateway(given: str, seen_by_guest: str) -> None:
    assert seen(http_proxy=given)["http"] in (seen_by_guest, f"http://{seen_by_guest}")


def test_small_letters_win_and_capitals_count() -> None:
    found = seen(http_proxy="http://small:1", HTTP_PROXY="http://capital:1", HTTPS_PROXY="http://secure:1")
    assert (found["http"], found["https"]) == ("http://small:1", "http://secure:1")


def test_the_environment_is_reached_without_the_proxy() -> None:
    assert seen(http_proxy="http://p:1")["no"] == ALWAYS
    assert seen(http_proxy="http://p:1", NO_PROXY=" .corp, localhost ,")["no"] == f".corp,{ALWAYS}"
    named = proxies({"all_proxy": "http://p:1"}, gateway=GATEWAY, network=NETWORK, names=["db", "api"])
    assert named == {"all": "http://p:1", "no": f"{ALWAYS},api,db"}


def test_authorities_of_all_folders_each_once(tmp_path: Path) -> None:
    one, two, three = certificate("one"), certificate("two"), certificate("three")
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "one.crt").write_text(one)
    (tmp_path / "a" / "deep" / "both.pem").write_text(f"# company\r\n{two}\n# again\n{one}")
    (tmp_path / "a" / "README").write_text("not looked at")
    (tmp_path / "b" / "windows.crt").write_text(one.replace("\n", "\r\n"))
    (tmp_path / "extra").write_text(three)
    environ = {"DEVBOX_EXTRA_CA": f"{tmp_path / 'extra'}{os.pathsep}"}
    found = authorities(environ, [tmp_path / "a", tmp_path / "b", tmp_path / "missing"])
    assert sorted(found.pem) == sorted([one, two, three])
    assert found.rejected == ()


def test_the_same_files_give_the_same_order(tmp_path: Path) -> None:
    """Else the identity's bytes would change with the file system's mood."""
    for name in ("c", "a", "b"):
        (tmp_path / f"{name}.crt").write_text(certificate(name))
    texts = tuple((tmp_path / f"{name}.crt").read_text() for name in ("a", "b", "c"))
    assert authorities({}, [tmp_path]).pem == texts


@pytest.mark.parametrize(
    "content, why",
    [
        (b"", "holds no certificate"),
        (b"\x30\x82\x01\x0a", "holds no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a broken certificate (number 1"),
        (
            b"-----BEGIN CERTIFICATE-----\n\xff!\n-----END CERTIFICATE-----\n",
            "a broken certificate (number 1",
        ),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no certificate"),
    ],
)
def test_what_is_broken_is_reported_and_left_out(tmp_path: Path, content: bytes, why: str) -> None:
    good = certificate("good")
    (tmp_path / "bad.crt").write_bytes(content)
    (tmp_path / "good.crt").write_text(good)
    found = authorities({}, [tmp_path])
    assert found.pem == (good,)
    assert len(found.rejected) == 1
    assert f"'{tmp_path}/bad.crt'" in found.rejected[0]
    assert why in found.rejected[0]


def test_a_named_file_that_is_missing_is_reported(tmp_path: Path) -> None:
    found = authorities({"DEVBOX_EXTRA_CA": str(tmp_path / "none")}, [])
    assert found.rejected == (f"'{tmp_path}/none' of DEVBOX_EXTRA_CA does not exist.",)


def test_a_link_to_nowhere_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.crt").symlink_to("nowhere")
    assert "can't be read" in authorities({}, [tmp_path]).rejected[0]
