"""Logins to package indexes."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove, remove_secrets

OPERATION = Operation(
    name="package-tool-credentials",
    summary="logins of pip, npm, cargo, gem, composer, Maven and others",
    reason="They let their holder publish packages in somebody's name.",
    set=Set.CREDENTIALS,
    rules=(
        remove(
            "~/.pypirc",
            "~/.{npmrc,yarnrc,yarnrc.yml}",
            "~/.cargo/credentials{,.toml}",
            "~/.gem/credentials",
            "~/.{config/,}composer/auth.json",
            "~/.m2/settings{,-security}.xml",
            "~/.gradle/gradle.properties",
            "~/.nuget/NuGet/NuGet.Config",
            "~/.condarc",
            "~/.config/pypoetry/auth.toml",
            "~/.local/share/{uv/credentials,pypoetry}",
        ),
        remove_secrets("npm-token", "python-index-token", "slack-token"),
    ),
)
