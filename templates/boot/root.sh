#!/bin/sh
# Makes the root file system, in namespaces of its own: whatever happens to it, no mount and no process stays.
# root.sh WORK OVERLAY DISK OFFSET BLOCKS OUT FINISH MKE2FS-OPTIONS... -- RELEASE MMDEBSTRAP-ARGUMENTS...
set -eu

work=$1 overlay=$2 disk=$3 offset=$4 blocks=$5 out=$6 finish=$7
shift 7
ext4=
while [ "$1" != -- ]; do
    ext4="$ext4 $1"
    shift
done
release=$2
shift 2

# In memory: quick, and nothing of it can be left on the disk, where an ordinary user could not remove it.
mount -t tmpfs -o mode=0755,size=4g devbox "$work"
mkdir -m 0755 "$work/root"
mkdir -m 1777 "$work/tmp"
export TMPDIR="$work/tmp" LC_ALL=C SYSTEMD_OFFLINE=1

mmdebstrap --mode=root --format=directory --variant=apt "$release" "$work/root" "$@"

echo "I: preparing the machine..."
tar -x -C "$work/root" -f "$overlay"
chroot "$work/root" /bin/sh -s <"$finish"

echo "I: writing the disk..."
chroot "$work/root" dpkg-query --show --showformat '${Package}:${Architecture} ${Version}\n' >"$out/packages"
cp "$work/root/vmlinuz" "$out/vmlinuz"
cp "$work/root/bin/busybox" "$out/busybox"
cp -R "$work/root/usr/lib/modules" "$out/modules"
# shellcheck disable=SC2086 # the options hold no blanks
mke2fs -q -F -t ext4 $ext4 -E "offset=$offset,assume_storage_prezeroed=1" -d "$work/root" "$disk" "$blocks"
