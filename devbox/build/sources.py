"""Where the packages of an image come from: the host's own apt sources, as far as they fit the box."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_COMPONENTS = frozenset({"main", "contrib", "non-free", "non-free-firmware"})
_POCKETS = ("", "-updates", "-security")
ARCHIVE_KEYRING = "debian-archive-"
_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>[^#]+)"
)


@dataclass(frozen=True)
class Source:
    """One suite of one package archive."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""  # a keyring's path on the host; empty where apt's trusted keys count

    def line(self) -> str:
        """As one line of a sources.list."""
        options = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {options}{self.uri} {self.suite} {' '.join(self.components)}"


@dataclass(frozen=True)
class Host:
    """The distribution that the host runs, and its sources."""

    distribution: str  # ID of os-release, such as debian
    release: str  # its VERSION_CODENAME
    sources: tuple[Source, ...]


def host_sources(root: Path = Path("/")) -> Host:
    """What the host below ``root`` says in os-release and apt's configuration; nothing where it has none."""
    release = _os_release(root / "etc/os-release")
    folder = root / "etc/apt"
    found: list[Source] = []
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if file.suffix in (".list", ".sources") and file.is_file():
            parse = parse_deb822 if file.suffix == ".sources" else parse_lines
            found += parse(file.read_text(errors="replace"))
    return Host(release.get("ID", ""), release.get("VERSION_CODENAME", ""), tuple(dict.fromkeys(found)))


def sources_for(host: Host, family: str, release: str) -> tuple[Source, ...]:
    """The host's sources of the distribution itself, for the release that is asked for.

    On another release of the same distribution the mirrors are the same and the suites' names
    change. Empty where nothing fits: then mmdebstrap's defaults hold.
    """
    if host.distribution != family or not host.release:
        return ()
    suites = {f"{host.release}{pocket}": f"{release}{pocket}" for pocket in _POCKETS}
    own = [
        replace(source, suite=suites[source.suite])
        for source in host.sources
        if source.suite in suites
        and "main" in source.components
        and _COMPONENTS.issuperset(source.components)
    ]
    # Others publish under the distribution's suite names as well, but sign with their own keys.
    official = [source for source in own if _officially_signed(source)]
    chosen = official if any(source.suite == release for source in official) else own
    if not any(source.suite == release for source in chosen):
        return ()
    return tuple(replace(source, components=("main",)) for source in chosen)


def parse_lines(text: str) -> Iterator[Source]:
    """The binary sources of a one-line-style file."""
    for line in text.splitlines():
        match = _LINE.match(line.strip())
        if match is None:
            continue
        options = dict(
            option.partition("=")[::2] for option in (match["options"] or "").split() if "=" in option
        )
        components = tuple(match["components"].split())
        yield Source(match["uri"], match["suite"], components, options.get("signed-by", ""))


def parse_deb822(text: str) -> Iterator[Source]:
    """The enabled binary sources of a deb822-style file; a key that is given in place is left out."""
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        signed_by = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield Source(uri, suite, components, signed_by if signed_by.startswith("/") else "")


def keyrings(sources: Iterable[Source]) -> list[Path]:
    """The keyring files that the sources name."""
    return sorted({Path(source.signed_by) for source in sources if source.signed_by})


def _officially_signed(source: Source) -> bool:
    return not source.signed_by or Path(source.signed_by).name.startswith(ARCHIVE_KEYRING)


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0] in " \t":
            fields[name] = f"{fields.get(name, '')}\n{line.strip()}".strip()
        else:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            fields[name] = value.strip()
    return fields


def _os_release(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip().strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
