"""What cloud-init was told for the parent."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="cloud-init",
    summary="cloud-init's state, user data, scripts and seed",
    reason="A child would run its parent's scripts again; cloud-init 0.5 does so at every boot.",
    set=Set.IDENTITY,
    rules=(
        remove(
            "/var/lib/cloud/*",
            "/var/log/cloud-init*.log*",
            "/run/cloud-init",
            "/etc/cloud/cloud.cfg.d/{99-installer.cfg,50-curtin-networking.cfg,curtin-preserve-sources.cfg}",
            "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg",
            "/etc/sudoers.d/90-cloud-init-users",
            "/etc/ssh/sshd_config.d/{50-cloud-init,60-cloudimg-settings}.conf",
            "/etc/cloud/cloud-init.disabled",
            "/var/lib/cloud-init-local",
            "/user-data",
            "/meta-data",
            "/boot/{user-data,meta-data,network-config}",
            "/boot/efi/{user-data,meta-data,network-config}",
        ),
    ),
)
