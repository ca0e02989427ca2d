"""What was typed."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="histories",
    summary="histories of shells, databases, interpreters and tools",
    reason="People type passwords, and say what they do.",
    set=Set.TRACES,
    rules=(
        remove(
            "~/.*hist",
            "~/.*history",
            "~/.*history.*",
            "~/.*_hist*",
            "~/.local/share/fish/fish_history*",
            "~/.local/share/powershell/PSReadLine",
            "~/.local/state/{bash,zsh,python,psql}*history*",
            "~/.{zsh_sessions,bash_sessions,zcompdump*,rediscli_history,sqlite_history,irb-history}",
            "~/.config/{htop,mc}/history",
            "~/.local/share/{mc,atuin,zoxide}",
            "~/.ipython/profile_*/history.sqlite*",
            "~/.node_repl_history",
        ),
    ),
)
