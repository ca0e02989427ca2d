"""Logins to registries and clusters."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="container-credentials",
    summary="logins to container registries and Kubernetes clusters",
    reason="They let their holder push images and run anything in the cluster.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.docker/{config.json,.token_seed,.token_seed.lock,contexts,machine}",
            "~/.dockercfg",
            "~/.config/containers/auth.json",
            "/run/containers/*/auth.json",
            "/run/user/*/containers/auth.json",
            "~/.kube",
            "/etc/kubernetes/*.conf",
            "/etc/kubernetes/pki/**.key",
            "/etc/rancher/k3s/k3s.yaml",
            "/var/lib/rancher/k3s/server/{node-,agent-,}token",
            "/var/lib/kubelet/{config.json,pki/**}",
            "~/.helm/repository/repositories.yaml",
            "~/.config/helm/{repositories.yaml,registry}",
        ),
    ),
)
