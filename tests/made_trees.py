"""Made-up trees for the scrubber: what must go, what must stay, and folders made of them."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from devbox.scrub.inventory import Entry, Inventory, Kind, above
from devbox.scrub.known_secrets import kinds_in


def word(path: bytes) -> bytes:
    """A word that no other file has, with letters and digits."""
    return b"canary7" + hashlib.sha256(path).hexdigest()[:32].encode()


def _key(path: bytes, kind: str) -> bytes:
    """What looks like a private key but is none."""
    body = base64.encodebytes(hashlib.shake_256(path).digest(180)).decode()
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n".encode()


_KINDS = (
    "OPENSSH PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "DSA PRIVATE KEY",
    "PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
)

# Paths that go because of where they lie.
_BY_PATH = [
    "/root/.bash_history",
    "/home/ann/.bash_history",
    "/home/ann/.zsh_history",
    "/home/ann/.python_history",
    "/home/ann/.psql_history",
    "/home/ann/.mysql_history",
    "/home/ann/.sqlite_history",
    "/home/ann/.node_repl_history",
    "/home/ann/.rediscli_history",
    "/home/ann/.lesshst",
    "/home/ann/.viminfo",
    "/var/lib/postgresql/.psql_history",
    "/home/ann/.local/share/fish/fish_history",
    "/home/ann/.ipython/profile_default/history.sqlite",
    "/home/ann/.ssh/id_ed25519",
    "/home/ann/.ssh/id_ed25519.pub",
    "/root/.ssh/id_rsa",
    "/root/.ssh/authorized_keys",
    "/home/ann/.ssh/authorized_keys",
    "/home/ann/.ssh/known_hosts",
    "/home/ann/.ssh/config",
    "/home/ann/.ssh/known_hosts.old",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/etc/ssh/ssh_host_rsa_key",
    "/home/ann/.gnupg/private-keys-v1.d/AA.key",
    "/home/ann/.gnupg/trustdb.gpg",
    "/home/ann/.password-store/a.gpg",
    "/home/ann/.aws/credentials",
    "/home/ann/.aws/config",
    "/home/ann/.config/gcloud/credentials.db",
    "/home/ann/.azure/accessTokens.json",
    "/home/ann/.config/openstack/clouds.yaml",
    "/home/ann/clouds.yaml",
    "/etc/openstack/clouds.yaml",
    "/root/keystonerc_admin",
    "/root/admin-openrc.sh",
    "/home/ann/.s3cfg",
    "/home/ann/.oci/config",
    "/home/ann/.kube/config",
    "/home/ann/.docker/config.json",
    "/etc/kubernetes/admin.conf",
    "/home/ann/.dockercfg",
    "/home/ann/.config/containers/auth.json",
    "/etc/rancher/k3s/k3s.yaml",
    "/var/lib/rancher/k3s/server/node-token",
    "/home/ann/.git-credentials",
    "/home/ann/.config/gh/hosts.yml",
    "/home/ann/.config/glab-cli/config.yml",
    "/home/ann/.config/hub",
    "/home/ann/.netrc",
    "/home/ann/.authinfo",
    "/home/ann/.pgpass",
    "/home/ann/.my.cnf",
    "/root/.my.cnf",
    "/etc/mysql/debian.cnf",
    "/etc/postfix/sasl_passwd",
    "/etc/cifs-credentials",
    "/home/ann/.env",
    "/srv/app/.env",
    "/etc/rndc.key",
    "/etc/ppp/chap-secrets",
    "/var/lib/rabbitmq/.erlang.cookie",
    "/home/ann/.pypirc",
    "/home/ann/.npmrc",
    "/home/ann/.cargo/credentials.toml",
    "/home/ann/.gem/credentials",
    "/home/ann/.m2/settings.xml",
    "/home/ann/.config/composer/auth.json",
    "/home/ann/.gradle/gradle.properties",
    "/home/ann/.vault-token",
    "/home/ann/.terraform.d/credentials.tfrc.json",
    "/srv/infra/terraform.tfstate",
    "/srv/infra/terraform.tfstate.backup",
    "/srv/infra/prod.tfvars",
    "/home/ann/.vault_pass.txt",
    "/etc/ansible/.vault_pass",
    "/home/ann/.ansible/tmp/x",
    "/etc/apt/auth.conf",
    "/etc/apt/auth.conf.d/90internal.conf",
    "/etc/ssl/private/server.key",
    "/etc/letsencrypt/live/a/privkey.pem",
    "/etc/letsencrypt/accounts/x/private_key.json",
    "/etc/nginx/tls/site.key",
    "/etc/wireguard/wg0.conf",
    "/etc/openvpn/client/a.key",
    "/etc/ipsec.secrets",
    "/home/ann/backup.p12",
    "/home/ann/putty.ppk",
    "/home/ann/.config/age/keys.txt",
    "/home/ann/.config/sops/age/keys.txt",
    "/etc/NetworkManager/system-connections/wifi.nmconnection",
    "/var/lib/NetworkManager/secret_key",
    "/etc/wpa_supplicant/wpa_supplicant.conf",
    "/var/lib/NetworkManager/timestamps",
    "/var/lib/iwd/home.psk",
    "/etc/krb5.keytab",
    "/tmp/krb5cc_1000",
    "/var/lib/samba/private/secrets.tdb",
    "/var/lib/sss/db/cache_x.ldb",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
    "/var/backups/shadow.bak",
    "/home/ann/.mozilla/firefox/a/logins.json",
    "/home/ann/.config/chromium/Default/Cookies",
    "/home/ann/.local/share/keyrings/login.keyring",
    "/etc/devbox/network",
    "/root/.vagrant.d/insecure_private_key",
    "/dcm/secure/token",
    "/var/lib/waagent/provisioned",
    "/var/lib/cloud/instances/i-1/user-data.txt",
    "/var/lib/cloud/instances/i-1/scripts/part-001",
    "/var/lib/cloud/data/scripts/part-001",
    "/var/lib/cloud/data/user-data.txt",
    "/var/lib/cloud/sem/user-scripts.i-1",
    "/var/lib/cloud/scripts/per-boot/again.sh",
    "/var/lib/cloud/seed/nocloud/user-data",
    "/var/lib/cloud/data/instance-id",
    "/var/log/cloud-init.log",
    "/var/log/cloud-init-output.log",
    "/etc/sudoers.d/90-cloud-init-users",
    "/etc/ssh/sshd_config.d/50-cloud-init.conf",
    "/etc/cloud/cloud.cfg.d/99-installer.cfg",
    "/etc/netplan/50-cloud-init.yaml",
    "/etc/network/interfaces.d/50-cloud-init",
    "/etc/systemd/network/10-cloud-init-e.network",
    "/etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection",
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/var/lib/dhcp/dhclient.eth0.leases",
    "/var/lib/dhclient/a.lease",
    "/var/lib/systemd/random-seed",
    "/var/lib/urandom/random-seed",
    "/etc/hostname",
    "/etc/machine-info",
    "/var/log/syslog",
    "/var/log/auth.log",
    "/var/log/syslog.1",
    "/var/log/dpkg.log.2.gz",
    "/var/log/apt/history.log",
    "/var/log/journal/0123456789abcdef/system.journal",
    "/var/log/installer/syslog",
    "/var/log/wtmp",
    "/var/log/lastlog",
    "/var/log/app/access.log",
    "/etc/machine-id",
    "/var/log/audit/audit.log",
    "/var/lib/sudo/ts/ann",
    "/var/account/pacct",
    "/var/lib/dhcpd/dhcpd.leases",
    "/var/lib/misc/dnsmasq.leases",
    "/var/mail/ann",
    "/var/spool/mail/root",
    "/home/ann/mbox",
    "/home/ann/Maildir/new/1",
    "/var/spool/exim4/input/x-H",
    "/var/spool/postfix/deferred/A/B",
    "/var/spool/cron/crontabs/ann",
    "/var/spool/cron/atjobs/a0001",
    "/var/spool/at/a0002",
    "/var/spool/anacron/cron.daily",
    "/var/spool/cups/d00001-001",
    "/var/crash/prog.crash",
    "/var/lib/systemd/coredump/core.x.zst",
    "/home/ann/core.4711",
    "/core",
    "/home/ann/.notes.txt.swp",
    "/etc/.fstab.swp",
    "/home/ann/notes.txt~",
    "/etc/fstab.bak",
    "/home/ann/#draft#",
    "/home/ann/.vim/undo/x",
    "/home/ann/.local/state/nvim/swap/x",
    "/etc/conf.dpkg-old",
    "/home/ann/.a.un~",
    "/home/ann/.cache/thing",
    "/home/ann/.wget-hsts",
    "/home/ann/.thumbnails/a",
    "/home/ann/.local/share/recently-used.xbel",
    "/home/ann/.local/share/Trash/files/secret.txt",
    "/home/ann/.xsession-errors",
    "/tmp/left.txt",
    "/var/tmp/left.txt",
    "/tmp/deep/er/left.txt",
    "/var/cache/apt/archives/x.deb",
    "/var/cache/apt/pkgcache.bin",
    "/var/lib/apt/lists/private_dists_x_InRelease",
    "/var/cache/dnf/x",
    "/etc/blkid.tab",
    "/var/lib/puppet/ssl/private_keys/x.pem",
    "/etc/salt/minion_id",
    "/etc/puppetlabs/puppet/ssl/a",
    "/etc/pki/consumer/key.pem",
    "/etc/sysconfig/rhn/systemid",
    "/var/lib/ubuntu-advantage/machine-token.json",
    "/var/lib/systemd/timers/stamp-x.timer",
    "/etc/iptables/rules.v4",
    "/etc/lvm/archive/x.vg",
]


def _canaries() -> dict[bytes, bytes]:
    found = {path.encode(): b"secret " + word(path.encode()) + b"\n" for path in _BY_PATH}
    for number, kind in enumerate(_KINDS):
        for place in (b"/srv/app/config.%d", b"/opt/tool/data.%d", b"/home/ann/notes/page.%d"):
            path = place % number
            found[path] = b"# " + word(path) + b"\n" + _key(path, kind)
    by_contents = {
        b"/srv/app/age.txt": b"AGE-SECRET-KEY-1" + b"Q0Z" * 19 + b"7",
        b"/srv/app/putty": b"PuTTY-User-Key-File-3: ssh-ed25519\n",
        b"/srv/app/tunnel": b"[Interface]\nPrivateKey = " + b"aB3" * 14 + b"x=\n",
        b"/srv/app/dns": b"Private-key-format: v1.3\n",
        b"/srv/app/cloud": b"aws_secret_access_key = " + b"aB3/" * 10 + b"\n",
        b"/srv/app/forge": b"token ghp_" + b"aB3x" * 9,
        b"/srv/app/forge2": b"token glpat-" + b"aB3x" * 5,
        b"/srv/app/chat": b"xoxb-1234567890-" + b"aB3x" * 5,
        b"/srv/app/packages": b"npm_" + b"aB3x" * 9,
        b"/srv/app/vault": b"hvs." + b"aB3x" * 6,
        # Odd names: a line break, bytes that are no UTF-8, a hyphen first, very long.
        b"/home/ann/odd\nname": _key(b"1", "PRIVATE KEY"),
        b"/home/ann/\xff\xfe": _key(b"2", "PRIVATE KEY"),
        b"/home/ann/-rf": _key(b"3", "PRIVATE KEY"),
        b"/home/ann/" + b"n" * 250: _key(b"4", "PRIVATE KEY"),
        b"/tmp/line\nbreak\xff": b"x",
    }
    found |= {path: contents + b"\n# " + word(path) + b"\n" for path, contents in by_contents.items()}
    rewritten = {
        b"/etc/environment": b"LANG=C\nhttp_proxy=http://ann:%s@proxy:3128\n",
        b"/etc/apt/apt.conf.d/99proxy": b'Acquire::http::Proxy "http://ann:%s@proxy:3128";\n',
        b"/home/ann/.gitconfig": b"[user]\n\tname = Ann\n[x]\n\turl = https://ann:%s@git.example\n",
        b"/etc/hosts": b"127.0.0.1 localhost\n127.0.1.1 %s\n",
        b"/etc/shadow": b"root:*:1:0:9:7:::\nann:$6$%s:1:0:9:7:::\n",
    }
    return found | {path: contents % word(path) for path, contents in rewritten.items()}


CANARIES = _canaries()

PASSWD = (
    b"root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"
    b"postgres:x:99:99::/var/lib/postgresql:/bin/sh\nrabbit:x:98:98::/var/lib/rabbitmq:/x\n"
)

INNOCENT = {
    b"/etc/passwd": PASSWD,
    b"/etc/fstab": b"UUID=1 / ext4 defaults 0 1\n",
    b"/etc/ssh/sshd_config": b"PasswordAuthentication no\n",
    b"/etc/ssh/moduli": b"x",
    b"/etc/cloud/cloud.cfg": b"users: []\n",
    b"/etc/ssl/certs/a.pem": b"-----BEGIN CERTIFICATE-----\nMIIB\n",
    b"/etc/sudoers.d/README": b"x",
    b"/home/ann/.bashrc": b"alias l=ls\n",
    b"/home/ann/.profile": b"x",
    b"/home/ann/thesis.tex": b"x",
    b"/home/ann/.gitconfig": b"[user]\n\tname = Ann\n",
    b"/root/.profile": b"x",
    b"/srv/app/main.py": b"BEGIN = '-----BEGIN PRIVATE KEY-----'\n",
    b"/usr/bin/tool": b"-----BEGIN OPENSSH PRIVATE KEY-----\0%s",
    b"/var/lib/dpkg/status": b"Package: x\n",
    b"/var/lib/apt/extended_states": b"x",
    b"/boot/vmlinuz": b"x",
    b"/etc/hosts": b"127.0.0.1 localhost\n",
    b"/etc/environment": b"LANG=C\n",
    b"/etc/netplan/01-own.yaml": b"network: {}\n",
    b"/opt/tool/.history": b"x",
}


def inventory_of(files: Mapping[bytes, bytes]) -> Inventory:
    """The inventory that a folder with these files would have, with a user ann and a database's home."""
    given = {b"/etc/passwd": PASSWD, **files}
    entries = [
        Entry(path, Kind.FILE, len(contents), kinds_in(contents), (1, number, len(contents), 1))
        for number, (path, contents) in enumerate(given.items(), 1)
    ]
    folders = {folder for path in given for folder in above(path)} - given.keys()
    entries += [Entry(folder, Kind.FOLDER) for folder in folders]
    return Inventory.of(entries, lambda path: given[path])


def grow(top: Path, files: Mapping[bytes, bytes]) -> None:
    """Make the files below the folder."""
    for path, contents in files.items():
        place = os.fsencode(top) + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as writing:
            writing.write(contents)


def picture(top: Path) -> dict[bytes, tuple[object, ...]]:
    """All that the folder holds: kind, mode, owner, contents, time, attributes, and which names are one."""
    found: dict[bytes, tuple[object, ...]] = {}
    names: dict[int, list[bytes]] = {}
    for path in _all_below(os.fsencode(top)):
        status = os.lstat(path)
        contents: object = b""
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb") as reading:
                contents = reading.read()
            names.setdefault(status.st_ino, []).append(path)
        elif stat.S_ISLNK(status.st_mode):
            contents = os.readlink(path)
        attributes = {
            key: os.getxattr(path, key, follow_symlinks=False)
            for key in os.listxattr(path, follow_symlinks=False)
        }
        found[path] = (status.st_mode, status.st_uid, status.st_gid, contents, status.st_mtime_ns, attributes)
    groups = {path: sorted(group) for group in names.values() for path in group}
    return {path: (*value, groups.get(path)) for path, value in found.items()}


def _all_below(top: bytes) -> Iterable[bytes]:
    for folder, folders, files in os.walk(top):
        yield from (os.path.join(folder, name) for name in (*folders, *files))
