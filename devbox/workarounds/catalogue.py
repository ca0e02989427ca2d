"""Reading the catalogue: all entries of some folders, or every mistake in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from devbox.errors import BadInput, Mistake, Refused
from devbox.paths import shipped
from devbox.reading import names
from devbox.reading.documents import Document, quoted
from devbox.workarounds.entry import Affects, Distribution, Entry, Status, Variable

FILE = "workaround.yml"


def find(name: str, entries: Mapping[str, Entry]) -> Entry:
    """The entry of this name; Refused with the nearest name that there is."""
    if name not in entries:
        near = names.near(name, entries)
        end = "" if near.endswith("?") else "."
        raise Refused(
            f"There is no workaround {quoted(name)}{near}{end}", advice="'devbox workarounds list' names all."
        )
    return entries[name]


def folders_of(project: Path) -> tuple[Path, Path]:
    """Where entries lie: the project's own come first."""
    return (project / "playbooks" / "workarounds", shipped("playbooks") / "workarounds")


def known_names(project: Path) -> list[str]:
    """The entries that there are, without reading them."""
    found = {folder.name for place in folders_of(project) for folder in _folders(place)}
    return sorted(found)


def load_catalogue(places: Iterable[Path]) -> dict[str, Entry]:
    """All entries by name, sorted; an earlier place's entry stands for those of later ones with its name.

    A place that is missing has no entries. Raises BadInput with all mistakes of all entries.
    """
    found: dict[str, Entry] = {}
    documents: dict[str, Document] = {}
    broken: set[str] = set()
    mistakes: list[Mistake] = []
    for folder in (folder for place in places for folder in _folders(place)):
        if folder.name in found or folder.name in broken:
            continue
        try:
            found[folder.name], documents[folder.name] = _load(folder)
        except BadInput as error:
            broken.add(folder.name)
            mistakes += error.mistakes
    mistakes += _clashes(found, documents)
    if mistakes:
        raise BadInput(mistakes, advice="Correct the lines above and run the command again.")
    return dict(sorted(found.items()))


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _load(folder: Path) -> tuple[Entry, Document]:
    # late: pydantic takes longer to import than `devbox --help` may take
    from devbox.reading.documents import read
    from devbox.reading.findings import examine, given, mistakes
    from devbox.workarounds.written import WorkaroundWritten, contradictions

    document = read(folder / FILE)
    written, findings = examine(document, WorkaroundWritten)
    found = mistakes(document, findings, contradictions(written, document.root, folder))
    if found:
        raise BadInput(found)
    affects = given(written.affects)
    entry = Entry(
        name=folder.name,
        folder=folder.absolute(),
        summary=given(written.summary),
        symptoms=tuple(given(written.symptoms)),
        explanation=given(written.explanation).strip(),
        references=tuple(given(written.references)),
        affects=Affects(
            tuple(affects.families),
            tuple(Distribution(given(one.name), tuple(one.versions)) for one in affects.distributions),
            affects.packages,
            affects.tools,
        ),
        status=Status(given(written.status)),
        retire=given(written.retire),
        variables={
            name: Variable(given(one.description), one.default) for name, one in written.variables.items()
        },
    )
    return entry, document


def _clashes(entries: Mapping[str, Entry], documents: Mapping[str, Document]) -> Iterator[Mistake]:
    """A variable that two entries share: the default that is met first would stand for both."""
    first: dict[str, Entry] = {}
    for entry in entries.values():
        for name, variable in entry.variables.items():
            other = first.setdefault(name, entry)
            if other.variables[name].default != variable.default:
                problem = f"'{other.name}' gives {quoted(name)} another default"
                yield documents[entry.name].mistake(("variables", name), problem)
