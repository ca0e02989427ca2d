"""Private keys, whatever their file is called."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove, remove_secrets

OPERATION = Operation(
    name="private-keys",
    summary="every kind of private key: OpenSSH, PEM, PKCS#8, EC, PGP, age, PuTTY, WireGuard, DNSSEC",
    reason="Who has the image could pose as their owner; they are known by their contents, not their names.",
    set=Set.CREDENTIALS,
    rules=(
        remove_secrets("private-key", "ssh2-key", "age-key", "putty-key", "wireguard-key", "dnssec-key"),
        remove(
            "~/.ssh/id_*",
            "~/.ssh/identity{,.pub}",
            "~/.config/{age,sops}/**",
            "/etc/wireguard/*",
            "/etc/openvpn/**.{key,p12,auth}",
            "/etc/ipsec.secrets",
            "/etc/ipsec.d/private/*",
            "/etc/swanctl/{private,rsa,ecdsa,pkcs8,pkcs12}/*",
            "~/**.{p12,pfx,jks,keystore,ppk}",
            "/etc/**.{p12,pfx,jks,keystore}",
            "/srv/**.{p12,pfx,jks,keystore,ppk}",
            "/opt/**.{p12,pfx,jks,keystore,ppk}",
            # What the distribution's own Java trusts holds no key.
            but=("/etc/ssl/certs/java/cacerts", "/etc/pki/**/cacerts"),
        ),
    ),
)
