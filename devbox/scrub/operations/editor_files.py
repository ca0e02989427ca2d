"""What editors keep beside a text."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="editor-files",
    summary="editors' swap, undo and recovery files",
    reason="They hold the texts that were edited, passwords included.",
    set=Set.TRACES,
    rules=(
        remove(
            "~/.{viminfo,viminfo.tmp,netrwhist,lesshst,nano_history,emacs.d/auto-save-list}",
            "~/.vim/{undo,swap,swp,backup,backups,.netrwhist}",
            "~/.local/{share,state}/{nvim,vim}",
            "~/.local/share/nano/*",
            "~/.config/Code/{Backups,User/History,User/workspaceStorage,User/globalStorage}",
            "/{root,home,etc,srv,opt,tmp,var}/**.sw[nop]",
            "~/**/.*.un~",
            "~/#*#",
            "~/**/#*#",
            "/etc/**/#*#",
        ),
    ),
)
