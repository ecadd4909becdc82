"""The documents say what the code does: links, examples, commands and reference pages."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import torch
from pydantic import BaseModel

import samdomains
from samdomains import plugin
from samdomains.cli.main import COMMANDS, cli
from samdomains.hookspecs import DomainHooks
from samdomains.recipe import Recipe
from samdomains.sam.models import build_architecture

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("plugins/*/*.md")])
REFERENCE = ROOT / "docs" / "reference"
SITE = "https://samdomains.github.io/samdomains/"
WRITTEN = [page for page in PAGES if not page.is_relative_to(REFERENCE)]
MODULES = sorted((ROOT / "samdomains").rglob("*.py"))
WITH_EXAMPLES = [module for module in MODULES if ">>>" in module.read_text("utf-8")]


def name(path: Path) -> str:
    """The path as a test's id."""
    return path.relative_to(ROOT).as_posix()


def keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The full name of every value of a recipe."""
    for key, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from keys(field.annotation, f"{prefix}{key}.")
        else:
            yield prefix + key


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_examples_compile(page: Path) -> None:
    for block in code_blocks(page, "python"):
        compile(block, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_examples_use_public_names(page: Path) -> None:
    for block in code_blocks(page, "python"):
        used = set(re.findall(r"\bsamdomains\.(\w+)\(", block))
        assert used <= set(dir(samdomains))


@pytest.mark.parametrize("page", WRITTEN, ids=name)
def test_commands_in_the_documents_exist(page: Path) -> None:
    named = re.findall(r"`samdomains ([a-z]+)", page.read_text("utf-8"))
    for block in code_blocks(page, r"(?:sh|bash|console)"):
        named += re.findall(r"^(?:\$ )?samdomains ([a-z]+)", block, re.MULTILINE)
    assert set(named) <= set(COMMANDS)


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [command for command in COMMANDS if f"`samdomains {command}" not in readme] == []


def test_reference_pages_are_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_page_of_results_is_that_of_the_kept_results() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "results_page.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_module_has_a_reference_page_and_no_page_is_left_over() -> None:
    public = [module for module in MODULES if not module.name.startswith("_")]
    expected = {module.relative_to(ROOT / "samdomains").with_suffix(".md") for module in public}
    present = {page.relative_to(REFERENCE) for page in REFERENCE.rglob("*.md")}
    assert present - {Path("index.md"), Path("commands.md")} == expected


@pytest.mark.parametrize("hook", [hook for hook in vars(DomainHooks) if not hook.startswith("_")])
def test_every_hook_is_documented_with_its_exact_signature(hook: str) -> None:
    signature = str(inspect.signature(getattr(DomainHooks, hook))).replace("'", "")
    assert f"def {hook}{signature}:" in (REFERENCE / "hookspecs.md").read_text("utf-8")


@pytest.mark.parametrize("key", list(keys(Recipe)))
def test_every_recipe_key_is_documented(key: str) -> None:
    assert f"| `{key}` |" in (REFERENCE / "recipe.md").read_text("utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented_with_all_its_options_and_an_example(command: str) -> None:
    documented = (REFERENCE / "commands.md").read_text("utf-8")
    section = documented.partition(f"## {command}\n")[2].partition("\n## ")[0]
    found = cli.get_command(click.Context(cli), command)
    assert found is not None
    options = [one for one in found.params if isinstance(one, click.Option)]
    missing = [one.name for one in options if f"| `{one.opts[0]}" not in section]
    assert missing == []
    assert f"`samdomains {command}" in section


@pytest.mark.parametrize("public", plugin.__all__)
def test_every_name_that_plugins_may_import_is_documented(public: str) -> None:
    page = (REFERENCE / "plugin.md").read_text("utf-8")
    assert f"- `{public}` (" in page or f"## {public}\n" in page


def test_the_page_about_export_renames_every_tensor_for_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    (block,) = (
        block for block in code_blocks(ROOT / "docs" / "export.md", "python") if "RENAMES" in block
    )
    page: dict[str, Any] = {}
    exec(block.partition("\nsam = ")[0], page)
    with torch.device("meta"):
        ours = build_architecture("vit_b").state_dict()
        theirs = transformers.SamModel(transformers.SamConfig()).state_dict()
    renamed = {name: tensor.shape for name, tensor in page["renamed"](ours).items()}
    assert renamed == {name: tensor.shape for name, tensor in theirs.items()}


def test_the_site_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*command, "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "true"},  # Material's word about MkDocs 2
    )
    assert built.returncode == 0, built.stdout + built.stderr
    home = (tmp_path / "index.html").read_text("utf-8")
    fetched = re.findall(r"<(?:link|script|img)[^>]+(?:href|src)=\"?(https?://[^\s\">]+)", home)
    assert [address for address in fetched if not address.startswith(SITE)] == []


@pytest.mark.parametrize("module", WITH_EXAMPLES, ids=name)
def test_examples_in_docstrings_run(module: Path) -> None:
    imported = importlib.import_module(".".join(module.relative_to(ROOT).with_suffix("").parts))
    assert doctest.testmod(imported).failed == 0
