"""The shape of the source: import direction, sizes, and what may stand where."""

from __future__ import annotations

import ast
import io
import logging
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter import cli as import_linter

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "devbox"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

sources = pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def tree(source: Path) -> ast.Module:
    return ast.parse(source.read_text(), str(source))


def calls(source: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the dotted text of what is called."""
    for node in ast.walk(tree(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom when the program runs; a package's door may open its own rooms late."""
    graph = grimp.build_graph("devbox", cache_dir=None, exclude_type_checking_imports=True)
    for package in graph.modules:
        for part in graph.find_children(package) & graph.find_modules_directly_imported_by(package):
            graph.remove_import(importer=package, imported=part)
    return graph


def test_imports_point_one_way(capsys: pytest.CaptureFixture[str]) -> None:
    status = import_linter.lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    for logger in logging.root.manager.loggerDict.values():  # import-linter mutes all but its own
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    assert status == 0, capsys.readouterr().out


def test_no_module_imports_itself_in_a_circle(graph: grimp.ImportGraph) -> None:
    circles = {
        module: chain
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if (chain := graph.find_shortest_chain(imported, module))
    }
    assert not circles


@sources
def test_a_file_can_be_read_at_once(source: Path) -> None:
    assert len(source.read_text().splitlines()) <= LONGEST_FILE


@sources
def test_a_function_can_be_read_at_once(source: Path) -> None:
    long = {
        node.name: lines
        for node in ast.walk(tree(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert not long


@sources
def test_a_module_has_a_caption(source: Path) -> None:
    caption = ast.get_docstring(tree(source))
    assert caption
    assert "\n" not in caption.split("\n\n")[0]


@sources
def test_the_library_neither_prints_nor_exits(source: Path) -> None:
    if source.relative_to(PACKAGE).parts[0] in {"cli", "views"}:
        return
    loud = {
        "print",
        "exit",
        "quit",
        "sys.exit",
        "os._exit",
        "os.abort",
        "sys.stdout.write",
        "sys.stderr.write",
    }
    assert not [name for name, _ in calls(source) if name in loud]


@sources
def test_nothing_goes_through_a_shell(source: Path) -> None:
    words = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
    assert not [name for name, _ in calls(source) if name in words]
    assert not [
        name
        for name, call in calls(source)
        for keyword in call.keywords
        if keyword.arg == "shell" and ast.unparse(keyword.value) != "False"
    ]


@sources
def test_yaml_is_loaded_safely(source: Path) -> None:
    assert not [
        name for name, _ in calls(source) if name in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}
    ]


# Where packages come from is the host's business: its own apt, pip and git settings.
_REGISTRIES = re.compile(
    r"\b(?:deb|security|ftp|snapshot)\.debian\.org|(?:archive|security)\.ubuntu\.com|pypi\.org"
    r"|pythonhosted\.org|download\.fedoraproject\.org|registry\.npmjs\.org|docker\.io|quay\.io",
    re.IGNORECASE,
)
_TEXTS = sorted(
    path
    for folder in ("devbox", "boxes", "playbooks", "templates", "examples", "scripts", "bench")
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
) + sorted(ROOT.glob("requirements*.lock"))


@pytest.mark.parametrize("path", _TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_registry_is_written_down(path: Path) -> None:
    assert not _REGISTRIES.findall(path.read_text(errors="replace"))


@sources
def test_every_lint_exclusion_says_which_and_why(source: Path) -> None:
    """`# noqa` and `# type: ignore` name their rule; a bare one hides what comes later."""
    comments = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source.read_text()).readline)
        if token.type == tokenize.COMMENT
    ]
    assert not [text for text in comments if re.search(r"#\s*(?:noqa|type:\s*ignore)\s*$", text)]
