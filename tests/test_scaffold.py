"""A new plugin is written, installed into an environment of its own, and passes its own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from samdomains.errors import UsageError
from samdomains.hook_rules import HOOK_ARGUMENTS
from samdomains.scaffold import LONGEST_NAME, TEMPLATES, NewPlugin, write_plugin

if TYPE_CHECKING:
    from tests.conftest import InstallPlugin

ROOT = Path(__file__).resolve().parent.parent
LONGEST = "leaves_of_wheat_and_of_barley1"


@dataclass(frozen=True)
class Environment:
    """A virtual environment with a place of its own for what is installed.

    Attributes:
        folder: Of the environment.
        plugin: The sources of the plugin that is installed in it.
    """

    folder: Path
    plugin: Path

    def python(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Run its interpreter."""
        scripts = "Scripts" if os.name == "nt" else "bin"
        command = [str(self.folder / scripts / "python"), *words]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The plugin `crops`, installed from a wheel; libraries are borrowed from this environment."""
    folder = tmp_path_factory.mktemp("new")
    environment = Environment(folder / "environment", write_plugin("crops", folder / "crops")[0])
    venv.create(environment.folder, with_pip=False)
    found = environment.python(
        "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder
    )
    borrowed = sysconfig.get_path("purelib")
    path = Path(found.stdout.strip()) / "borrowed.pth"
    path.write_text(f"import site; site.addsitedir({borrowed!r})\n")
    done = environment.python(
        *("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"),
        *("--disable-pip-version-check", str(environment.plugin)),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return environment


def test_it_is_found_by_its_entry_point(installed: Environment, tmp_path: Path) -> None:
    done = installed.python("-m", "samdomains.cli.main", "domains", "--json", cwd=tmp_path)
    (domain,) = [found for found in json.loads(done.stdout) if found["name"] == "crops"]
    assert domain["distribution"] == "samdomains-crops"
    assert (domain["target"], domain["status"]) == ("samdomains_crops.plugin", "ok")


def test_its_own_tests_pass_unchanged(installed: Environment) -> None:
    done = installed.python("-m", "pytest", "-q", cwd=installed.plugin)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "failed" not in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("name", ["q", "crops", LONGEST])
def test_its_code_is_in_good_style_whatever_the_name(name: str, tmp_path: Path) -> None:
    folder, _ = write_plugin(name, tmp_path / "new")
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, "--no-cache", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_module_answers_the_hooks_worth_answering_and_the_readme_names_the_others(
    tmp_path: Path,
) -> None:
    folder, files = write_plugin("crops", tmp_path / "new")
    assert {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} == {*files}
    module = (folder / "samdomains_crops" / "plugin.py").read_text("utf-8")
    answered = {hook for hook in HOOK_ARGUMENTS if f"@hookimpl\ndef {hook}(" in module}
    assert answered == {"load_cases", "recipes", "make_demo_data"}
    assert module.count("@hookimpl") == len(answered)
    readme = (folder / "README.md").read_text("utf-8")
    assert {hook for hook in HOOK_ARGUMENTS if f"| `{hook}` |" in readme} | answered == {
        *HOOK_ARGUMENTS
    }


def test_its_continuous_integration_runs_style_types_and_tests(tmp_path: Path) -> None:
    folder, _ = write_plugin("crops", tmp_path / "new")
    job = yaml.safe_load((folder / ".github/workflows/tests.yml").read_text("utf-8"))["jobs"]
    steps = job["tests"]["steps"]
    assert steps[1]["with"]["python-version"] == "${{ matrix.python }}"
    commands = [step["run"] for step in steps if "run" in step]
    assert commands[1:] == ["ruff check .", "ruff format --check .", "mypy", "pytest"]


def test_every_template_is_used_and_shipped() -> None:
    folder = ROOT / "samdomains" / "templates"
    assert {path.name for path in folder.iterdir()} == {*TEMPLATES.values()}
    assert '"templates/*.j2"' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Crops", "small letters.*such as 'crops'"),
        ("leaf-disease", "such as 'leaf_disease'"),
        ("leaf__disease", "such as 'leaf_disease'"),
        ("3d", "a letter first, such as 'crops'"),
        ("", "cannot be the id"),
        ("class", "cannot be the id"),
        ("../crops", "cannot be the id"),
        ("x" * (LONGEST_NAME + 1), f"{LONGEST_NAME} at most"),
        ("images", "there already: it comes from samdomains "),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=expected):
        write_plugin(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_name_that_is_taken_by_a_package_is_refused(
    install_plugin: InstallPlugin, tmp_path: Path
) -> None:
    install_plugin("leaves", "", distribution="samdomains-plants", version="2.1")
    with pytest.raises(UsageError, match=r"samdomains-plants 2\.1 is installed already"):
        write_plugin("plants", tmp_path / "new")


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UsageError, match="holds something already"):
        write_plugin("crops", tmp_path)
    with pytest.raises(UsageError, match="is a file"):
        write_plugin("crops", tmp_path / "mine")


def test_without_a_folder_it_goes_into_one_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, _ = write_plugin("leaf_disease")
    assert folder == Path("samdomains-leaf-disease")
    assert (tmp_path / folder / "samdomains_leaf_disease" / "plugin.py").is_file()
    assert NewPlugin("leaf_disease").title == "LeafDisease"
