"""What editors keep of a text's earlier states."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="backup-files",
    summary="backup copies in homes and below /etc, /srv and /opt",
    reason="A password that was taken out of a file is still in its backup.",
    set=Set.TRACES,
    rules=(
        remove(
            "~/**~",
            "~/**.bak",
            "/etc/**~",
            "/etc/**.bak",
            "/etc/**.{dpkg-old,dpkg-dist,ucf-old,rpmsave,rpmorig}",
            "/{srv,opt}/**~",
        ),
    ),
)
