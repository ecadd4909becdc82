"""A new plugin: an installable distribution that passes its own tests before anything is changed.

Its files are the templates in ``samdomains/templates/``.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import jinja2

from samdomains.discovery import core_version, installed_domains, supported_range
from samdomains.errors import UsageError
from samdomains.files import write_text

LONGEST_NAME = 30
"""Letters of a domain's id; a longer one would break the lines of the generated code."""

TEMPLATES: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml.j2",
    "README.md": "README.md.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/tests.yml": "tests.yml.j2",
    "{package}/__init__.py": "init.py.j2",
    "{package}/plugin.py": "plugin.py.j2",
    "{package}/demo.py": "demo.py.j2",
    "{package}/py.typed": "py.typed.j2",
    "tests/test_conformance.py": "test_conformance.py.j2",
    "tests/test_plugin.py": "test_plugin.py.j2",
    "tests/test_demo.py": "test_demo.py.j2",
}
"""File of the new distribution → its template."""


@dataclass(frozen=True, slots=True)
class NewPlugin:
    """The names of a new plugin.

    Attributes:
        name: The domain's id.
    """

    name: str

    @property
    def distribution(self) -> str:
        """What ``pip install`` takes."""
        return f"samdomains-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """What ``import`` takes."""
        return f"samdomains_{self.name}"

    @property
    def title(self) -> str:
        """The name as a part of a class's."""
        return "".join(word.capitalize() for word in self.name.split("_"))


def write_plugin(name: str, folder: Path | None = None) -> tuple[Path, list[Path]]:
    """Write the distribution of a new domain.

    Args:
        name: The id of the domain, such as ``crops``.
        folder: Where it goes; must not hold anything yet. None makes ``samdomains-NAME`` in the
            working directory.

    Returns:
        The folder, and the files in it, relative to it.

    Raises:
        UsageError: The name is no id, belongs to an installed domain or package, or the folder
            holds something.
    """
    plugin = NewPlugin(name)
    _require_id(name)
    _require_free(plugin)
    folder = Path(plugin.distribution) if folder is None else folder
    _require_empty(folder)
    texts = _texts(plugin)
    for file, text in texts.items():
        write_text(folder / file, text)
    return folder, [Path(file) for file in texts]


def _require_id(name: str) -> None:
    if re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is None or keyword.iskeyword(name):
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        usable = plain[:1].isalpha() and not keyword.iskeyword(plain)
        hint = f", such as '{plain}'" if usable else ", such as 'crops'"
        raise UsageError(
            f"'{name}' cannot be the id of a domain. Give small letters, digits and single '_' "
            f"between words, a letter first{hint}"
        )
    if len(name) > LONGEST_NAME:
        raise UsageError(
            f"'{name}' has {len(name)} letters; the id of a domain has {LONGEST_NAME} at most. "
            "Users type it with every command: give a short one"
        )


def _require_free(plugin: NewPlugin) -> None:
    for domain in installed_domains():
        if domain.name == plugin.name:
            raise UsageError(
                f"the domain '{plugin.name}' is there already: it comes from {domain.distribution} "
                f"{domain.version}. Choose another name, or uninstall that one first"
            )
    try:
        version = metadata.version(plugin.distribution)
    except metadata.PackageNotFoundError:
        return
    raise UsageError(
        f"{plugin.distribution} {version} is installed already, for other domains. "
        "Choose another name, or uninstall it first"
    )


def _require_empty(folder: Path) -> None:
    if folder.is_file():
        raise UsageError(f"{folder}: is a file. Name a folder with --out, or remove it")
    if folder.is_dir() and any(folder.iterdir()):
        raise UsageError(
            f"{folder}: holds something already. Name another folder with --out, or remove it"
        )


def _texts(plugin: NewPlugin) -> dict[str, str]:
    """File → its text, for all files of the distribution."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # code, no HTML
    )
    values = {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "package": plugin.package,
        "title": plugin.title,
        "requirement": f"samdomains{supported_range(core_version())}",
    }
    texts = {}
    for file, template in TEMPLATES.items():
        text = files("samdomains").joinpath("templates", template).read_text(encoding="utf-8")
        texts[file.format(package=plugin.package)] = environment.from_string(text).render(values)
    return texts
