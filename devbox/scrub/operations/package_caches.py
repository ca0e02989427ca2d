"""Packages that were downloaded."""

from __future__ import annotations

from devbox.scrub.operation import Operation, Set, remove

OPERATION = Operation(
    name="package-caches",
    summary="downloaded packages and package lists",
    reason="They make the image large, and name private repositories; the next update fetches them again.",
    set=Set.CACHES,
    rules=(
        remove(
            "/var/cache/apt/*.bin",
            "/var/cache/apt/archives/**.deb",
            "/var/lib/apt/lists/*",
            "/var/cache/{dnf,yum,zypp,libdnf5,PackageKit,apk,pacman/pkg}/*",
            "/var/lib/{yum,dnf}/{uuid,history*,repos}",
            "/var/cache/debconf/*-old",
            "/var/cache/{man,fontconfig,ldconfig}/*",
            "/var/lib/rpm/__db.*",
            but=("/var/lib/apt/lists/{partial,auxfiles,lock}",),
        ),
    ),
)
