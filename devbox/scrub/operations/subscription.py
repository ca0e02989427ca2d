"""What says who pays."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="subscription",
    summary="registrations with Red Hat, SUSE and Ubuntu Pro",
    reason="Every child would count as its parent, at its owner's expense.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/etc/pki/{consumer,entitlement}/*",
            "/etc/sysconfig/rhn/{systemid,osad-auth.conf}",
            "/var/lib/rhsm/{facts,packages,cache}/*",
            "/etc/{smolt,zmd}/*-uuid",
            "/etc/sysconfig/{hw-uuid,smolt/hw-uuid}",
            "/etc/zypp/credentials.d/SCCcredentials",
            "/etc/SUSEConnect",
            "/var/lib/ubuntu-advantage/{private,machine-token.json,*.lock}",
            "/var/lib/landscape/client/**",
        ),
    ),
)
