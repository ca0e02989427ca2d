"""The documents say what the program does, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from devbox import paths
from devbox.cli import app, verbs

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    if page.is_file()
)
_LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def script(name: str) -> Any:
    """A program of scripts/ as a module."""
    found = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def reference() -> str:
    return str(script("reference").reference())


def test_the_page_of_workarounds_is_what_the_catalogue_says() -> None:
    assert (ROOT / "docs" / "workarounds.md").read_text() == script("workarounds").page(), "run 'make docs'"


def test_the_reference_is_what_the_program_says() -> None:
    assert (ROOT / "docs" / "reference.md").read_text() == reference(), "run 'make docs'"


def test_the_table_of_operations_is_the_catalogue() -> None:
    page = (ROOT / "docs" / "scrub.md").read_text()
    assert page == script("operations").with_table(page), "run 'make docs'"
    assert "| `cloud-init` | identity |" in page


def test_the_reference_has_the_verbs_of_verbs() -> None:
    text = reference()
    inside = [
        f"## devbox {group.name} {command.name or command.callback.__name__}\n"
        for group in app.registered_groups
        if group.typer_instance is not None
        for command in group.typer_instance.registered_commands
        if command.callback is not None
    ]
    assert "## devbox checkpoint save\n" in inside
    assert [heading for heading in inside if heading not in text] == []


def test_the_readme_names_every_verb() -> None:
    table = (ROOT / "README.md").read_text().split("## Verbs")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z]+)`", table)) >= set(verbs())


def named_paths() -> list[str]:
    """Every property of paths.py that stands for a file or folder."""
    return [
        f"{kind.__name__}.{name}"
        for kind in (paths.Home, paths.EnvironmentPaths, paths.MachinePaths)
        for name, value in vars(kind).items()
        if isinstance(value, property)
    ]


@pytest.mark.parametrize("name", named_paths())
def test_the_list_of_files_has_every_path(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "files.md").read_text()


def test_the_list_of_files_has_nothing_else() -> None:
    listed = set(re.findall(r"`(\w+Paths\.\w+|Home\.\w+)`", (ROOT / "docs" / "files.md").read_text()))
    assert listed == set(named_paths())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text())
    for link in _LINK.findall(text):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_changelog_has_a_place_for_what_comes_next() -> None:
    assert re.search(r"^## Unreleased$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
