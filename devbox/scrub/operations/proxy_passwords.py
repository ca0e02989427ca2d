"""Passwords in addresses of proxies and package indexes."""

from __future__ import annotations

import re

from devbox.scrub.operation import Operation, Set, rewrite

_PASSWORD = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@\"']*:[^/\s@\"']+@")


def _without_passwords(text: bytes) -> bytes:
    """Lines with a password in an address go; half of an address would only fail later."""
    return b"".join(line for line in text.splitlines(keepends=True) if not _PASSWORD.search(line))


OPERATION = Operation(
    name="proxy-passwords",
    summary="lines with a password in an address, in settings of proxies, apt, pip, Git and the environment",
    reason="The password of a company's proxy is often its owner's only one.",
    set=Set.CREDENTIALS,
    rules=(
        rewrite(
            _without_passwords,
            "/etc/environment",
            "/etc/environment.d/*",
            "/etc/profile.d/*.sh",
            "/etc/apt/apt.conf",
            "/etc/apt/apt.conf.d/*",
            "/etc/apt/sources.list",
            "/etc/apt/sources.list.d/*",
            "/etc/pip.conf",
            "~/.{pip,config/pip}/pip.conf",
            "/etc/{gitconfig,wgetrc,yum.conf,dnf/dnf.conf}",
            "/etc/yum.repos.d/*.repo",
            "~/.{gitconfig,config/git/config,wgetrc,curlrc,profile,bashrc,bash_profile,zshrc,zshenv}",
            "/{etc,root,home,opt,srv}/**/.git/config",
            "/etc/systemd/system/**.conf",
        ),
    ),
)
