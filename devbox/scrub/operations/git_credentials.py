"""Logins to where source code is kept."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove, remove_secrets

OPERATION = Operation(
    name="git-credentials",
    summary="logins to Git, GitHub, GitLab and other forges",
    reason="They let their holder change source code in somebody's name.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.git-credentials",
            "~/.config/git/credentials",
            "~/.git-credential-cache",
            "~/.cache/git/credential",
            "~/.config/{gh,hub,glab-cli,tea}",
            "~/.hgrc.secret",
            "~/.subversion/auth",
            "~/.gitcookies",
        ),
        remove_secrets("github-token", "github-oauth-token", "github-fine-token", "gitlab-token"),
    ),
)
