"""Files with the password of an Ansible vault."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="ansible-vault",
    summary="Ansible's vault password files and its working folder",
    reason="The password opens every vault of the project, which is public often.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/{.,}{vault_pass,vault-pass,vault_password,vault-password,ansible_vault_pass}{,.txt,_file}",
            "/etc/ansible/{.,}{vault_pass,vault-pass,vault_password,vault-password}{,.txt}",
            "~/.ansible",
        ),
    ),
)
