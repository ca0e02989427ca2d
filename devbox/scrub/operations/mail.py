"""Mail that lies there."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="mail",
    summary="mail in spools, queues and homes",
    reason="Cron mails what jobs say, and a queue would be sent again by every child.",
    set=Set.TRACES,
    rules=(
        remove(
            "/var/{mail,spool/mail}/*",
            "/var/spool/{exim4/input,exim4/msglog,exim4/db}/*",
            "/var/spool/{clientmqueue,mqueue}/*",
            "/var/spool/postfix/{active,bounce,corrupt,defer,deferred,flush,hold,incoming,maildrop,saved}/*",
            "~/{mbox,dead.letter,.mbox}",
            "~/{Maildir,Mail}/**",
            "~/.{mutt,cache/mutt}/*",
            "/var/lib/dovecot/ssl-parameters.dat",
        ),
    ),
)
