"""What makes a web site of the documents: ``mkdocs build --strict`` calls these functions.

The documents are written for the repository, where a link may lead to any file. On the site the
plugins' READMEs and the changelog become pages of their own, and a link to any other file outside
of ``docs/`` leads to the repository.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/samdomains/samdomains/blob/main/"
LINK = re.compile(r"\]\((?!#|[a-z]+:)([^)#\s\"'=]+)((?:#[^)\s]*)?)\)")

GUESTS = {
    f"plugins/{folder.parent.name}/README.md": f"domains/{folder.parent.name}.md"
    for folder in sorted(ROOT.glob("plugins/*/README.md"))
} | {"CHANGELOG.md": "changelog.md"}
"""File of the repository → the page of the site that it becomes."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Take the guests in."""
    for source, page in GUESTS.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 (mkdocs calls it with these)
    """Let every link lead to where its file is on the site, or in the repository."""
    here = page.file.src_uri
    source = next((name for name, guest in GUESTS.items() if guest == here), f"docs/{here}")

    def moved(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[1]))
        return f"]({_place(target, here)}{link[2]})"

    return LINK.sub(moved, markdown)


def _place(target: str, here: str) -> str:
    """Where a file of the repository is, as seen from a page of the site."""
    page = GUESTS.get(target) or target.removeprefix("docs/")
    if page == target:
        return REPOSITORY + target
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
