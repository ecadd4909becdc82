"""The shape of the house: one direction of imports, small files, a test for every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "samdomains"
PLUGINS = ROOT / "plugins"
PACKAGES = [CORE, *sorted(path.parent for path in PLUGINS.glob("*/*/__init__.py"))]
MODULES = sorted(module for package in PACKAGES for module in package.rglob("*.py"))
TEST_FILES = sorted([*(ROOT / "tests").rglob("*.py"), *PLUGINS.glob("*/tests/**/*.py")])
PLUGIN_MODULES = [module for module in MODULES if not module.is_relative_to(CORE)]


def name(path: Path) -> str:
    """The path as a test's id."""
    return path.relative_to(ROOT).as_posix()


def core_imports(module: Path) -> Iterator[str]:
    """The modules of the core that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "samdomains":
            names = [f"samdomains.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "samdomains")


def test_a_room_imports_only_from_rooms_below_it() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as main; main()",
    ]
    command += ["--config", str(ROOT / ".importlinter"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("module", [CORE / "defaults.py", *PLUGIN_MODULES], ids=name)
def test_plugins_and_the_cores_own_layer_know_only_the_plugin_module(module: Path) -> None:
    assert set(core_imports(module)) <= {"samdomains.plugin"}


@pytest.mark.parametrize("module", [path for path in MODULES if path.name[0] != "_"], ids=name)
def test_every_module_has_a_test_file_of_its_name(module: Path) -> None:
    package = next(package for package in PACKAGES if module.is_relative_to(package))
    tests = package.parent / "tests" / module.parent.relative_to(package)
    assert (tests / f"test_{module.name}").is_file()


@pytest.mark.parametrize(
    "module", [path for path in MODULES if path.name == "__init__.py"], ids=name
)
def test_every_room_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text("utf-8")))


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function, its docstring left out: a long explanation is no long function."""
    docstring = function.body[0] if ast.get_docstring(function) is not None else None
    explained = (docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - explained


@pytest.mark.parametrize("module", [*MODULES, *TEST_FILES], ids=name)
def test_files_and_functions_stay_small(module: Path) -> None:
    text = module.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    nodes = ast.walk(ast.parse(text))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert {node.name: lines_of(node) for node in functions if lines_of(node) > 60} == {}


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_folders_are_three_levels_deep_at_most(package: Path) -> None:
    deep = [path for path in package.rglob("*.py") if len(path.relative_to(package).parents) > 3]
    assert not deep
