"""What makes a machine itself, as an archive that its initial ram disk unpacks over the root at each boot."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

FW_CFG = "opt/devbox/identity"  # the name of QEMU's fw_cfg file that hands the archive over
USER = "devbox"
_UID = 1000  # as the image's recipe makes the user
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
)


@dataclass(frozen=True)
class Identity:
    """All that tells one machine from the others that stand on the same image."""

    name: str  # the host name, without its domain
    domain: str
    machines: Mapping[str, IPv4Address]  # every machine of the environment, this one too
    ip: IPv4Address
    prefix: int
    uplink_mac: str
    segment_mac: str
    uplink: IPv4Network  # the user-mode network of the way out
    host_key: str  # an ed25519 private key in OpenSSH's format
    host_key_public: str
    authorized_keys: tuple[str, ...]
    machine_id: str  # 32 hexadecimal digits
    proxies: Mapping[str, str] = field(default_factory=dict)  # http, https, ftp, no -> URL or list
    authorities: tuple[str, ...] = ()  # PEM texts of the host's own certificate authorities


@dataclass(frozen=True)
class _Entry:
    path: str
    text: str
    mode: int = 0o644
    owner: int = 0


def identity_archive(identity: Identity) -> bytes:
    """The identity as an uncompressed tar; equal identities give equal bytes."""
    return _archive(_entries(identity))


def _archive(entries: Iterable[_Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for entry in entries:
            data = entry.text.encode()
            member = tarfile.TarInfo(entry.path)
            member.size, member.mode, member.uid, member.gid = len(data), entry.mode, entry.owner, entry.owner
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def identity_files(identity: Identity) -> list[tuple[str, int, int, str]]:
    """The same as path, mode, owner and text, for a machine that runs."""
    return [(entry.path, entry.mode, entry.owner, entry.text) for entry in _entries(identity)]


def nics(identity: Identity) -> list[dict[str, str]]:
    """What the files say about the network, for a machine that runs; all values are texts."""
    net, segment = identity.uplink, IPv4Interface((identity.ip, identity.prefix)).network
    return [
        _nic("uplink", identity.uplink_mac, net[15], net, str(net[2])),
        _nic("segment", identity.segment_mac, identity.ip, segment, ""),
    ]


def _nic(name: str, mac: str, ip: IPv4Address, net: IPv4Network, gateway: str) -> dict[str, str]:
    addresses = {"ip": str(ip), "mask": str(net.netmask), "broadcast": str(net.broadcast_address)}
    return {"name": name, "mac": mac, "gateway": gateway, **addresses}


def template_archive(identity: Identity) -> bytes:
    """What a machine boots with that is to be frozen and cloned: what all clones share.

    The way out is the same for all, so it is there at once; the segment's NIC has its name only.
    """
    own = {"etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/devbox/network"}
    own.add(f"home/{USER}/.ssh/authorized_keys")
    network = f"{_uplink(identity)}{identity.segment_mac} segment\n"
    entries = [entry for entry in _entries(identity) if entry.path not in own]
    return _archive([*entries, _Entry("etc/hostname", "template\n"), _Entry("etc/devbox/network", network)])


def _entries(identity: Identity) -> Iterator[_Entry]:
    yield _Entry("etc/hostname", f"{identity.name}\n")
    yield _Entry("etc/hosts", hosts_text(identity))
    yield _Entry("etc/machine-id", f"{identity.machine_id}\n", 0o444)
    yield _Entry("etc/ssh/ssh_host_ed25519_key", _line(identity.host_key), 0o600)
    yield _Entry("etc/ssh/ssh_host_ed25519_key.pub", _line(identity.host_key_public))
    keys = "".join(_line(key) for key in identity.authorized_keys)
    yield _Entry(f"home/{USER}/.ssh/authorized_keys", keys, 0o600, _UID)
    yield _Entry("etc/devbox/network", _network(identity))
    yield _Entry("etc/resolv.conf", f"nameserver {identity.uplink[3]}\nsearch {identity.domain}\n")
    words = variables(identity)
    yield _Entry("etc/environment", "".join(f'{name}="{value}"\n' for name, value in words.items()))
    quoted = " ".join(f'"{name}={value}"' for name, value in words.items()).replace("%", "%%")
    yield _Entry("etc/systemd/system.conf.d/devbox.conf", f"[Manager]\nDefaultEnvironment={quoted}\n")
    yield _Entry("etc/apt/apt.conf.d/91devbox-proxy", _apt_proxies(identity.proxies))
    yield _Entry("etc/pip.conf", f"[global]\ncert = {_BUNDLE}\n" if identity.authorities else "")
    for number, authority in enumerate(identity.authorities):
        yield _Entry(f"usr/local/share/ca-certificates/devbox-{number}.crt", _line(authority))


def _line(text: str) -> str:
    return text.rstrip("\n") + "\n"


def hosts_text(identity: Identity) -> str:
    """The machine's /etc/hosts: itself and its peers."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for name, ip in sorted(identity.machines.items()):
        lines.append(f"{ip} {name}.{identity.domain} {name}")
    return "\n".join(lines) + "\n"


def _network(identity: Identity) -> str:
    """One line a NIC, as the guest's ``identify`` reads it: MAC, name, address and the gateway, if any."""
    return f"{_uplink(identity)}{identity.segment_mac} segment {identity.ip}/{identity.prefix}\n"


def _uplink(identity: Identity) -> str:
    net = identity.uplink
    return f"{identity.uplink_mac} uplink {net[15]}/{net.prefixlen} {net[2]}\n"


def variables(identity: Identity) -> dict[str, str]:
    """Environment variables of every session and service, as most programs look for them."""
    found: dict[str, str] = {}
    for scheme, value in sorted(identity.proxies.items()):
        found[f"{scheme}_proxy"] = found[f"{scheme.upper()}_PROXY"] = value
    if identity.authorities:
        found |= dict.fromkeys(_BUNDLE_VARIABLES, _BUNDLE)
    return found


def _apt_proxies(proxies: Mapping[str, str]) -> str:
    lines = [
        f'Acquire::{scheme}::Proxy "{proxies[scheme]}";\n'
        for scheme in ("http", "https")
        if scheme in proxies
    ]
    return "".join(lines)
