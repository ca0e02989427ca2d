"""Keys that tools left to get in while they set the machine up."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="bootstrap-keys",
    summary="devbox's, Vagrant's and other agents' bootstrap keys and tokens",
    reason="A child would obey who made its parent, or report to it as its parent.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "/etc/devbox/network",
            "/etc/systemd/system.conf.d/devbox.conf",
            "/etc/apt/apt.conf.d/91devbox-proxy",
            "~/.vagrant.d",
            "/vagrant/.vagrant",
            "/dcm/secure/*",
            "/var/lib/waagent/**",
            "/tmp/{agent_info.tar.gz,meta_info.txt,process_info.txt,startup_script.txt,installer.sh}",
            "/etc/salt/pki/**",
            "/etc/chef/{client,validation}.pem",
            "/var/lib/amazon/ssm/Vault",
            "/var/lib/google_guest_agent/**",
        ),
    ),
)
