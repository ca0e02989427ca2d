"""Reading apt's sources, and choosing those that fit a box."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devbox.build.sources import Host, Source, host_sources, keyrings, parse_deb822, parse_lines, sources_for

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
MIRROR = "http://mirror.example/debian"
SECURITY = "http://mirror.example/debian-security"


def archive(*suites: str, uri: str = MIRROR, signed_by: str = KEYRING) -> tuple[Source, ...]:
    return tuple(Source(uri, suite, ("main",), signed_by) for suite in suites)


def test_lines() -> None:
    text = f"""
# deb http://commented.example/debian bookworm main
deb {MIRROR} bookworm main contrib # with a remark
deb-src {MIRROR} bookworm main
  deb [arch=amd64 signed-by={KEYRING}] {SECURITY} bookworm-security main
deb-broken
"""
    assert list(parse_lines(text)) == [
        Source(MIRROR, "bookworm", ("main", "contrib")),
        Source(SECURITY, "bookworm-security", ("main",), KEYRING),
    ]


def test_deb822_gives_a_source_for_each_address_and_suite() -> None:
    text = f"""Types: deb deb-src
# a remark between the fields
URIs: {MIRROR} http://second.example/debian
Suites: bookworm
 bookworm-updates
Components: main non-free-firmware
Signed-By: {KEYRING}
"""
    components = ("main", "non-free-firmware")
    assert list(parse_deb822(text)) == [
        Source(uri, suite, components, KEYRING)
        for uri in (MIRROR, "http://second.example/debian")
        for suite in ("bookworm", "bookworm-updates")
    ]


@pytest.mark.parametrize("field", ["Enabled: no", "Types: deb-src"])
def test_deb822_stanzas_that_do_not_count(field: str) -> None:
    assert list(parse_deb822(f"URIs: {MIRROR}\nSuites: trixie\nComponents: main\n{field}\n")) == []


def test_a_key_given_in_place_is_no_path() -> None:
    text = f"""Types: deb
URIs: {MIRROR}
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 AAAA
 -----END PGP PUBLIC KEY BLOCK-----
"""
    assert list(parse_deb822(text)) == [Source(MIRROR, "trixie", ("main",))]


def test_stanzas_are_separated_by_lines_of_blanks_too() -> None:
    stanza = f"Types: deb\nURIs: {MIRROR}\nSuites: %s\nComponents: main\n"
    text = stanza % "bookworm" + " \t\n" + stanza % "bookworm-updates"
    assert [source.suite for source in parse_deb822(text)] == ["bookworm", "bookworm-updates"]


@given(st.text(alphabet=st.sampled_from("debURIs: \n\t[]=#/x"), max_size=200))
def test_no_text_breaks_the_parsers(text: str) -> None:
    for source in [*parse_lines(text), *parse_deb822(text)]:
        assert source.uri
        assert source.suite


def test_the_hosts_own_release() -> None:
    sources = archive("bookworm", "bookworm-updates") + archive("bookworm-security", uri=SECURITY)
    assert sources_for(Host("debian", "bookworm", sources), "debian", "bookworm") == sources


def test_another_release_comes_from_the_same_mirrors() -> None:
    sources = archive("bookworm", "bookworm-updates") + archive("bookworm-security", uri=SECURITY)
    found = sources_for(Host("debian", "bookworm", sources), "debian", "trixie")
    assert [(source.uri, source.suite) for source in found] == [
        (MIRROR, "trixie"),
        (MIRROR, "trixie-updates"),
        (SECURITY, "trixie-security"),
    ]


def test_others_archives_are_left_out() -> None:
    foreign = (
        Source("http://vendor.example/debian", "bookworm", ("stable",)),
        Source("http://vendor.example/apt", "nodistro", ("main",)),
        Source("http://vendor.example/pg", "bookworm-pgdg", ("main",)),
        Source("http://vendor.example/apt", "bookworm", ("main",), "/usr/share/keyrings/vendor.gpg"),
    )
    own = archive("bookworm")
    assert sources_for(Host("debian", "bookworm", foreign + own), "debian", "bookworm") == own


def test_a_private_mirror_with_its_own_key_serves_where_it_is_all_there_is() -> None:
    private = archive("bookworm", signed_by="/etc/apt/keyrings/company.gpg")
    assert sources_for(Host("debian", "bookworm", private), "debian", "bookworm") == private


def test_the_image_gets_main_alone() -> None:
    wide = (Source(MIRROR, "bookworm", ("main", "contrib", "non-free")),)
    (found,) = sources_for(Host("debian", "bookworm", wide), "debian", "bookworm")
    assert found.components == ("main",)


@pytest.mark.parametrize(
    "host",
    [
        Host("ubuntu", "noble", (Source("http://mirror.example/ubuntu", "noble", ("main", "universe")),)),
        Host("debian", "", archive("bookworm")),
        Host("debian", "bookworm", ()),
        Host("debian", "bookworm", archive("bookworm-updates")),
    ],
)
def test_defaults_hold_where_nothing_fits(host: Host) -> None:
    assert sources_for(host, "debian", "bookworm") == ()


def test_a_line_says_who_signs() -> None:
    signed, plain = (
        Source(MIRROR, "trixie", ("main",), KEYRING),
        Source(MIRROR, "trixie", ("main", "contrib")),
    )
    assert signed.line() == f"deb [signed-by={KEYRING}] {MIRROR} trixie main"
    assert plain.line() == f"deb {MIRROR} trixie main contrib"
    assert list(parse_lines(signed.line())) == [signed]


def test_the_hosts_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "etc/apt/sources.list.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text('NAME="Debian"\nID=debian\nVERSION_CODENAME="bookworm"\n')
    (tmp_path / "etc/apt/sources.list").write_text(f"deb {MIRROR} bookworm main\n")
    (folder / "security.sources").write_text(
        f"Types: deb\nURIs: {SECURITY}\nSuites: bookworm-security\nComponents: main\nSigned-By: {KEYRING}\n"
    )
    (folder / "old.list.save").write_text("deb http://old.example/debian buster main\n")
    host = host_sources(tmp_path)
    assert (host.distribution, host.release) == ("debian", "bookworm")
    assert host.sources == (
        Source(MIRROR, "bookworm", ("main",)),
        Source(SECURITY, "bookworm-security", ("main",), KEYRING),
    )
    assert keyrings(host.sources) == [Path(KEYRING)]


def test_a_host_without_apt_has_nothing(tmp_path: Path) -> None:
    assert host_sources(tmp_path) == Host("", "", ())
