"""Passwords for databases and other services."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="service-credentials",
    summary="stored passwords for databases, mail, file transfer and network shares",
    reason="They open what runs elsewhere.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.{netrc,authinfo,authinfo.gpg}",
            "~/_netrc",
            "~/.{pgpass,pg_service.conf,my.cnf,mylogin.cnf,mongorc.js,dbshell}",
            "~/.{smbcredentials,cifs,msmtprc,fetchmailrc,mutt/passwords,muttrc.secret}",
            "/etc/{cifs-credentials,samba/credentials,msmtprc}",
            "/etc/{exim4/passwd.client,postfix/sasl_passwd,postfix/sasl_passwd.db}",
            "/etc/ppp/{chap,pap}-secrets",
            "/etc/mysql/debian.cnf",
            "/etc/rndc.key",
            "/etc/bind/rndc.key",
            "~/.config/{filezilla,sshfs,lftp,remmina}",
            "~/.lftp",
            "~/.erlang.cookie",
            "/var/lib/rabbitmq/.erlang.cookie",
            "~/.{rhosts,shosts}",
            "/etc/{hosts.equiv,ssh/shosts.equiv}",
            "~/.{influxdbv2,redisclirc,config/rabbitmqadmin.conf}",
            "~/{.env,.envrc}",
            "/{srv,opt,home}/**/.env",
        ),
    ),
)
