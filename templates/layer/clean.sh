#!/bin/sh
# Runs as root in a machine whose disk becomes a layer: nothing stays that tells who made it, where and for whom.
set -eu

# What an identity puts there (devbox/guest/identity.py); the next one puts its own.
rm -f /etc/hostname /etc/hosts /etc/resolv.conf /etc/environment /etc/pip.conf \
    /etc/devbox/network /etc/systemd/system.conf.d/devbox.conf /etc/apt/apt.conf.d/91devbox-proxy \
    /etc/ssh/ssh_host_* /home/*/.ssh/authorized_keys
# Asking update-ca-certificates to forget them would take half a minute under emulation.
python3 - <<'END'
from pathlib import Path

bundle = Path("/etc/ssl/certs/ca-certificates.crt")
text = bundle.read_text() if bundle.exists() else ""
for authority in Path("/usr/local/share/ca-certificates").glob("devbox-*.crt"):
    text = text.replace(authority.read_text(), "")
    authority.unlink()
if bundle.exists() and text != bundle.read_text():
    bundle.write_text(text)
for link in Path("/etc/ssl/certs").glob("*"):
    if link.is_symlink() and not link.exists():
        link.unlink()
END
: >/etc/machine-id

# What people and programs leave behind as they work.
for home in /root /home/*; do
    rm -rf "$home/.ansible" "$home/.cache" "$home/.bash_history" "$home/.python_history" "$home/.lesshst" \
        "$home/.viminfo" "$home/.wget-hsts" "$home/.ssh/known_hosts" "$home"/.ssh/known_hosts.*
done
if command -v apt-get >/dev/null; then
    apt-get clean
    rm -rf /var/lib/apt/lists/*
    install -d /var/lib/apt/lists/partial
fi
if command -v dnf >/dev/null; then dnf --quiet clean all; fi
find /tmp /var/tmp -xdev -mindepth 1 -delete 2>/dev/null || true
rm -rf /var/lib/cloud/instances /var/lib/cloud/instance /var/lib/systemd/random-seed \
    /var/lib/dhcp/* /var/lib/NetworkManager/*lease* /var/log/journal/* /run/log/journal/*
find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
find /var/log -type f -exec truncate --size 0 {} +

# Blocks that hold nothing any more are no part of the layer.
fstrim / 2>/dev/null || true
sync
