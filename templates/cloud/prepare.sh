#!/bin/sh
# Runs as root at the end of a ready-made image's first boot: puts in what every machine of devbox has, hands
# out what boots it directly, and leaves no identity behind. Then the machine powers off.
set -eu
log=/run/devbox-prepare.log
exec >"$log" 2>&1

seed=/run/devbox-seed out=/run/devbox-out
result=/dev/disk/by-id/virtio-devbox-out
user=
. "$seed/box" # user=NAME

# Opened for each line: the login that starts on this line hangs up whoever has it open.
tell() { echo "devbox: $1" >/dev/ttyS0 || true; }

end() {
    status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 20 "$log" >/dev/ttyS0 || true
        tell "could not prepare the machine: status $status at '$step'"
    fi
    sync
    systemctl --no-block poweroff
}
trap end EXIT

begin() {
    step=$1
    tell "$1"
}

begin "putting in the agent"
tar -x --no-same-owner -C / -f "$seed/guest.tar"
chmod 0440 /etc/sudoers.d/devbox
systemctl enable devbox-grow.service devbox-agent.service
systemctl set-default multi-user.target

begin "making the account"
for name in $user $(getent passwd 1000 | cut -d: -f1); do
    if getent passwd "$name" >/dev/null; then userdel --force --remove "$name" || true; fi
done
useradd --uid 1000 --user-group --create-home --shell /bin/bash devbox
usermod --lock devbox
passwd --lock root >/dev/null
install -d -m 0700 -o devbox -g devbox /home/devbox/.ssh

begin "setting up sshd"
# Debian's family calls it ssh, and may start it by a socket only.
for unit in ssh.socket sshd.socket; do
    systemctl disable "$unit" 2>/dev/null || true
done
systemctl enable ssh.service 2>/dev/null || systemctl enable sshd.service
systemctl mask sshd-keygen@rsa.service sshd-keygen@ecdsa.service sshd-keygen@ed25519.service
# Only the key that each machine is given; what comes first in the file counts.
config=/etc/ssh/sshd_config
if [ -e $config ]; then
    sed -i 's/^[[:space:]]*HostKey/#&/' $config
    grep -q '^Include /etc/ssh/sshd_config.d/' $config || sed -i '1i Include /etc/ssh/sshd_config.d/*.conf' $config
fi
rm -f /etc/ssh/sshd_config.d/*cloud* /etc/ssh/sshd_config.d/*permitroot*

begin "taking out what boots it"
release=$(uname -r)
root=$(findmnt --noheadings --nofsroot --output SOURCE /)
type=$(findmnt --noheadings --output FSTYPE /)
subvolume=$(findmnt --noheadings --output FSROOT /)
case $root in
    /dev/vda*) ;;
    *)
        tell "the root file system is on '$root', which cannot be booted directly"
        exit 1
        ;;
esac
mkdir -p "$out/modules"
for kernel in "/boot/vmlinuz-$release" "/lib/modules/$release/vmlinuz"; do
    [ ! -e "$kernel" ] || cp -L "$kernel" "$out/vmlinuz"
done
[ -e "$out/vmlinuz" ]
number=100
for module in virtio_pci virtio_blk crc32c_generic crc32c "$type" qemu_fw_cfg virtio_net button evdev; do
    modprobe --set-version "$release" --show-depends "$module" 2>/dev/null || true
done | while read -r how file _; do
    [ "$how" = insmod ] && [ -e "$file" ] || continue
    ! ls "$out/modules/"*-"${file##*/}" >/dev/null 2>&1 || continue
    number=$((number + 1))
    cp "$file" "$out/modules/$number-${file##*/}"
done
flags=
[ "$type" != btrfs ] || flags="subvol=$subvolume"
printf 'root=%s\ntype=%s\nflags=%s\nrelease=%s\n' "$root" "$type" "$flags" "$release" >"$out/facts"

begin "leaving no identity"
systemctl disable cloud-init.service cloud-init-local.service cloud-config.service cloud-final.service || true
touch /etc/cloud/cloud-init.disabled
rm -rf /etc/ssh/ssh_host_* /etc/netplan/50-cloud-init.yaml /etc/systemd/network/10-cloud-init-*.network \
    /etc/network/interfaces.d/50-cloud-init /etc/NetworkManager/system-connections/cloud-init-* \
    /var/lib/cloud/* /var/lib/systemd/random-seed /var/log/cloud-init* /var/lib/dhcp/*.leases
: >/etc/machine-id
if [ -e /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
    rm /var/lib/dbus/machine-id
    ln -s /etc/machine-id /var/lib/dbus/machine-id
fi
fstrim / || true

begin "handing it over"
tar -c -f "$result" -C "$out" facts vmlinuz modules
sync
