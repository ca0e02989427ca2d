"""Membership in a directory service."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="directory-client",
    summary="what joins the machine to a FreeIPA, Kerberos, Samba or SSSD domain",
    reason="A child would pose as its parent in the domain.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/etc/krb5.keytab",
            "/etc/ipa/{default.conf,ca.crt,nssdb/**}",
            "/var/lib/ipa-client/sysrestore/*",
            "/var/lib/ipa-client/pki/*",
            "/var/lib/samba/**.tdb",
            "/var/lib/samba/private/**",
            "/var/lib/sss/{db,mc,pipes,secrets}/*",
            "/tmp/krb5cc_*",
            "/var/tmp/host_*",
        ),
    ),
)
