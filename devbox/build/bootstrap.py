"""mmdebstrap in namespaces of its own, and what its failures mean."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devbox import process
from devbox.build.disk import Layout
from devbox.build.recipe import Recipe
from devbox.errors import DevboxError

_TAIL_LINES = 25
_PHASE = re.compile(r"^I: (?P<phase>.+?)(?:\.{3})?$")
_PHASES = {
    "running apt-get update": "fetching the package lists",
    "downloading packages with apt": "downloading the essential packages",
    "extracting archives": "unpacking the essential packages",
    "installing essential packages": "installing the essential packages",
    "installing remaining packages inside the chroot": "installing the other packages",
    "preparing the machine": "preparing the machine",
    "writing the disk": "writing the disk",
}
# How the host reaches the archives is the build's business, not the image's.
_APT_SETTING = re.compile(
    r'^(Acquire::(?:ftp|https?)::(?:Proxy|CaInfo|CaPath)\S*) "([^"\n]+)";$', re.MULTILINE
)


@dataclass(frozen=True)
class _Failure:
    pattern: str
    advice: str


_FAILURES = (
    _Failure(
        r"newuidmap|newgidmap|failed to find .*sub[ug]id|no line matching user .* in /etc/sub[ug]id",
        "This user has no range of subordinate ids: 'sudo usermod --add-subuids 100000-165535 "
        "--add-subgids 100000-165535 {user}', with the package uidmap installed.",
    ),
    _Failure(
        r"unshare: ",
        "This host forbids namespaces to ordinary users: run 'devbox build' as root, or allow them "
        "('sysctl kernel.unprivileged_userns_clone' or 'kernel.apparmor_restrict_unprivileged_userns').",
    ),
    _Failure(
        r"Unable to locate package|has no installation candidate",
        "Correct 'packages' in '{box}', or the host's apt sources.",
    ),
    _Failure(
        r"NO_PUBKEY|is not signed|couldn't be verified",
        "Install the archive's keyring on this host (package debian-archive-keyring).",
    ),
    _Failure(
        r"Temporary failure resolving|Could not (connect|resolve)|Connection (failed|timed out)"
        r"|Failed to fetch",
        "See whether this host reaches its package mirrors ('sudo apt-get update'), and its proxies.",
    ),
    _Failure(
        r"No space left on device",
        "Make room where devbox keeps its files ('devbox gc'), or set DEVBOX_HOME to a larger disk.",
    ),
)


@dataclass(frozen=True)
class Root:
    """What is left of the root file system besides the disk that holds it."""

    kernel: Path
    busybox: Path
    modules: Path  # the folder of lib/modules
    packages: dict[str, str]  # name:architecture -> version


def make_root(
    recipe: Recipe, disk: Path, layout: Layout, work: Path, progress: Callable[[str], None]
) -> Root:
    """Write the root file system onto the disk; ``work`` is an empty folder that holds the rest after it."""
    memory, out, overlay = work / "memory", work / "out", work / "guest.tar"
    memory.mkdir()
    out.mkdir()
    overlay.write_bytes(recipe.guest)
    where: list[str | Path] = [memory, overlay, disk, str(layout.root_offset), str(layout.root_blocks), out]
    where.append(recipe.boot / "finish.sh")
    script = ["/bin/sh", recipe.boot / "root.sh", *where, *layout.file_system()]

    def told(line: str) -> None:
        match = _PHASE.match(line)
        if match and match["phase"] in _PHASES:
            progress(_PHASES[match["phase"]])

    try:
        process.stream([*_namespaces(), *script, "--", *_mmdebstrap(recipe)], told)
    except process.CommandFailed as error:
        raise explain(error, recipe) from error
    lines = (out / "packages").read_text().splitlines()
    packages = {name: version for name, _, version in (line.partition(" ") for line in lines)}
    return Root(out / "vmlinuz", out / "busybox", out / "modules", packages)


def explain(error: process.CommandFailed, recipe: Recipe) -> DevboxError:
    """The failure in the user's terms: the tail of the output, and what helps where that is known."""
    lines = [line for line in error.output.strip().splitlines() if line.strip()]
    advice = next(
        (failure.advice for failure in _FAILURES if re.search(failure.pattern, error.output)),
        "The output above says why; 'devbox doctor' checks the host.",
    )
    return DevboxError(
        f"The image of the box '{recipe.box.name}' could not be built.",
        details="\n".join(lines[-_TAIL_LINES:]),
        advice=advice.format(user=getpass.getuser(), box=recipe.box.file),
    )


def _namespaces() -> list[str]:
    """Mounts and processes that end with this command, even if it is killed; root's powers for a user."""
    own = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if os.geteuid() != 0:
        own = ["--user", "--map-root-user", "--map-auto", *own]
    return ["unshare", *own, "--"]


def _mmdebstrap(recipe: Recipe) -> list[str]:
    """The release, then what mmdebstrap takes besides its target: options, and sources as lines."""
    box = recipe.box
    options = [f"--architectures={box.architecture}", f"--include={','.join(recipe.packages)}"]
    options += [f'--aptopt={name} "{value}"' for name, value in apt_settings(_apt_config())]
    return [box.release, *options, *(source.line() for source in recipe.sources)]


def apt_settings(dump: str) -> list[tuple[str, str]]:
    """The proxies and authorities out of what ``apt-config dump`` says."""
    return [(match[1], match[2]) for match in _APT_SETTING.finditer(dump)]


def _apt_config() -> str:
    return process.run(["apt-config", "dump"]) if process.have("apt-config") else ""
