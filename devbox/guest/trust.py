"""What a guest takes over from its host: the proxies and the certificate authorities it trusts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_SCHEMES = ("http", "https", "ftp", "all")
# Where the distributions keep what an administrator adds: Debian's and Fedora's families.
FOLDERS = (Path("/usr/local/share/ca-certificates"), Path("/etc/pki/ca-trust/source/anchors"))
VARIABLE = "DEVBOX_EXTRA_CA"  # files and folders, separated like PATH
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_LARGEST = 4 << 20


@dataclass(frozen=True)
class Authorities:
    """``pem`` holds one certificate a text, each once; ``rejected`` says in sentences what was left out."""

    pem: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


def proxies(
    environ: Mapping[str, str], *, gateway: IPv4Address, network: IPv4Network, names: Iterable[str] = ()
) -> dict[str, str]:
    """The host's proxies as a guest must write them: ``http``, ``https``, ``ftp``, ``all`` and ``no``.

    A proxy on the host's own loopback is reached at ``gateway``, where QEMU's user-mode network
    shows the host. ``no`` has the environment's network and names besides what the host excepts.
    Empty where the host has no proxy.
    """
    found = {
        scheme: _seen_by_guest(value, gateway) for scheme in _SCHEMES if (value := _variable(environ, scheme))
    }
    if not found:
        return {}
    excepted = [part.strip() for part in _variable(environ, "no").split(",")]
    excepted += ["localhost", "127.0.0.1", "::1", str(network), *sorted(names)]
    return found | {"no": ",".join(dict.fromkeys(filter(None, excepted)))}


def authorities(environ: Mapping[str, str], folders: Iterable[Path] = FOLDERS) -> Authorities:
    """The certificate authorities that were added to this host, and those named by DEVBOX_EXTRA_CA.

    What is no valid certificate is reported and left out: one broken file stops nobody.
    """
    extra = [Path(part) for part in environ.get(VARIABLE, "").split(os.pathsep) if part]
    rejected = [f"'{path}' of {VARIABLE} does not exist." for path in extra if not path.exists()]
    pem: dict[bytes, str] = {}
    for file in _files([*folders, *extra]):
        try:
            content = _read(file)
        except OSError as error:
            rejected.append(f"'{file}' can't be read: {error.strerror}.")
            continue
        texts = _CERTIFICATE.findall(content)
        if not texts:
            rejected.append(f"'{file}' holds no certificate in PEM form.")
        for number, text in enumerate(texts, start=1):
            canonical = _canonical(text)
            if canonical is None:
                rejected.append(f"'{file}' holds a broken certificate (number {number} in it).")
            else:
                pem.setdefault(*canonical)
    return Authorities(tuple(pem.values()), tuple(rejected))


def _variable(environ: Mapping[str, str], scheme: str) -> str:
    """Small letters come first: curl reads http_proxy in no other form."""
    name = f"{scheme}_proxy"
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _seen_by_guest(proxy: str, gateway: IPv4Address) -> str:
    schemed = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(schemed)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return proxy
    if not _is_loopback(host):
        return schemed
    login, at, _ = parts.netloc.rpartition("@")
    place = f"{gateway}:{port}" if port else str(gateway)
    return urlunsplit(parts._replace(netloc=f"{login}{at}{place}"))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _files(places: Iterable[Path]) -> list[Path]:
    """Folders give their certificates at any depth, in a fixed order; a file counts whatever its name."""
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(path for path in place.rglob("*") if path.suffix in (".crt", ".pem", ".cer"))
        elif place.exists():
            found.append(place)
    return list(dict.fromkeys(found))


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_LARGEST)


def _canonical(text: bytes) -> tuple[bytes, str] | None:
    """The certificate itself, and its text in the one way; the library that reads it starts fastest."""
    import ssl

    try:
        der = ssl.PEM_cert_to_DER_cert(text.decode())
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=der)
    except (ValueError, ssl.SSLError):
        return None
    return der, ssl.DER_cert_to_PEM_cert(der)
