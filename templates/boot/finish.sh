#!/bin/sh
# Runs inside the new root file system when all packages are in: the user, the units, and nothing left behind.
set -e

useradd --uid 1000 --user-group --create-home --shell /bin/bash devbox
usermod --lock devbox
passwd --lock root >/dev/null
install -d -m 0700 -o devbox -g devbox /home/devbox/.ssh
chmod 0440 /etc/sudoers.d/devbox

systemctl enable --quiet systemd-networkd.service devbox-grow.service devbox-agent.service
systemctl set-default --quiet multi-user.target

# A login starts five programs for a greeting that nobody reads: a quarter of its time under emulation.
sed -i '/pam_motd\.so/d; /pam_mail\.so/d; /pam_selinux\.so/d' /etc/pam.d/sshd

# No key, name or address of its own: each machine gets them from its identity, or from cloud-init.
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id /var/lib/systemd/random-seed
: >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf

rm -f /etc/apt/apt.conf.d/99mmdebstrap /etc/dpkg/dpkg.cfg.d/99mmdebstrap
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old \
    /var/log/* /tmp/* /var/tmp/* /run/* /var/lib/cloud/*
install -d /var/lib/apt/lists/partial /var/cache/apt/archives/partial
