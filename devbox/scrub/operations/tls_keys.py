"""Private keys of services."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="tls-keys",
    summary="TLS keys and accounts with certificate authorities",
    reason="Who has the image could pose as the site, and get new certificates for it.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/etc/ssl/private/*",
            "/etc/pki/tls/private/*",
            "/etc/letsencrypt/{accounts,archive,live,keys}",
            "~/.acme.sh",
            "/etc/dehydrated/{accounts,certs}",
            "/var/lib/{caddy/.local,acme}",
            "/etc/{nginx,apache2,httpd,haproxy,postfix,dovecot}/**.key",
            "/etc/dovecot/private/*",
            "/var/lib/tor/**secret_key",
            "/var/lib/tor/**/hostname",
            but=("/etc/letsencrypt/live/README",),
        ),
    ),
)
