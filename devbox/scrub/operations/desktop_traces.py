"""Lists of documents that were open."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="desktop-traces",
    summary="lists of recent documents, and wastebaskets",
    reason="They tell what was worked on, and keep what was thrown away.",
    set=Set.TRACES,
    rules=(
        remove(
            "~/.local/share/{recently-used.xbel*,Trash,gvfs-metadata,zeitgeist,tracker*}",
            "~/.recently-used*",
            "~/.{Xauthority,ICEauthority,xsession-errors,xsession-errors.old}",
        ),
    ),
)
