"""Which fetcher serves which scheme: devbox's own, then those that other packages register."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from devbox.configuration import FetchSettings
from devbox.errors import Refused
from devbox.fetch.transfer import Fetcher

GROUP = "devbox.fetchers"
_OWN = ("http", "file", "ssh", "glance", "s3", "swift")


@dataclass(frozen=True)
class Table:
    """Fetchers by scheme; ``reports`` says in sentences which were left out, and why."""

    fetchers: MappingProxyType[str, Fetcher]
    reports: tuple[str, ...] = ()

    def find(self, scheme: str, settings: FetchSettings) -> Fetcher:
        """Raises Refused for a scheme that nobody serves, or that the user does not allow."""
        if settings.allowed_schemes and scheme not in settings.allowed_schemes:
            raise Refused(
                f"The scheme '{scheme}' is not allowed here.",
                advice="'fetch.allowed_schemes' in devbox's configuration lists those that are: "
                f"{', '.join(settings.allowed_schemes)}.",
            )
        if scheme not in self.fetchers:
            raise Refused(
                f"Nothing is installed that fetches '{scheme}:'.",
                details="\n".join(self.reports),
                advice=f"There are: {', '.join(sorted(self.fetchers))}.",
            )
        return self.fetchers[scheme]


@cache
def table() -> Table:
    """Built once in a process."""
    return build(entry_points(group=GROUP))


def build(others: Iterable[EntryPoint]) -> Table:
    """The first that serves a scheme has it; what is broken or second is reported and left out."""
    fetchers: dict[str, Fetcher] = {}
    reports: list[str] = []
    for name in _OWN:
        _add(name, importlib.import_module(f"devbox.fetch.{name}"), fetchers, reports)
    for entry in sorted(others, key=lambda one: one.name):
        try:
            _add(entry.value, _checked(entry.load()), fetchers, reports)
        except Exception as error:  # noqa: BLE001 - whatever another's package does, ours goes on
            reports.append(f"The fetcher '{entry.name}' ({entry.value}) can't be used: {error!r}.")
    return Table(MappingProxyType(fetchers), tuple(reports))


def _checked(module: Any) -> Any:
    if not callable(module.download):
        raise TypeError("'download' is no function")
    return module


def _add(name: str, module: Any, fetchers: dict[str, Fetcher], reports: list[str]) -> None:
    for scheme in list(module.schemes()):
        if scheme in fetchers:
            reports.append(f"The fetcher '{name}' is not used for '{scheme}:', which another one serves.")
        else:
            fetchers[scheme] = module
