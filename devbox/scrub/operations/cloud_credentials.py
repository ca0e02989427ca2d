"""Keys to clouds."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove, remove_secrets

OPERATION = Operation(
    name="cloud-credentials",
    summary="credentials of AWS, Google, Azure, OpenStack and other clouds",
    reason="They spend their owner's money and open all that the owner has there.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.aws",
            "~/.azure",
            "~/.config/gcloud",
            "~/{.,}boto",
            "~/.config/openstack",
            "~/clouds.y{a,}ml",
            "~/secure.y{a,}ml",
            "/etc/openstack/{clouds,secure}.y{a,}ml",
            "~/{.,}keystonerc*",
            "~/*{-,_}openrc{,.sh}",
            "~/{.,}openrc{,.sh}",
            "~/.config/{doctl,hcloud,linode-cli,scw}",
            "~/.oci",
            "~/.s3cfg",
            "~/.config/rclone",
            "~/.passwd-s3fs",
            "/etc/passwd-s3fs",
        ),
        remove_secrets("aws-key"),
    ),
)
