"""Tools that keep secrets."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove, remove_secrets

OPERATION = Operation(
    name="secret-stores",
    summary="tokens of Vault, 1Password, Bitwarden and Terraform; Terraform state",
    reason="A state file has every value that Terraform ever set, passwords too.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.vault-token",
            "~/.{vault,config/op,config/Bitwarden CLI}",
            "~/.terraform.d/credentials.tfrc.json",
            "~/.terraformrc",
            "/{root,home,srv,opt}/**.tfstate{,.backup,.*.backup}",
            "/{root,home,srv,opt}/**.tfvars",
            "~/.config/pulumi",
            "~/.pulumi/credentials.json",
        ),
        remove_secrets("vault-token"),
    ),
)
