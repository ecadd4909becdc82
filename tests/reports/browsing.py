"""Opening a page in a real browser, for the tests that ask what it makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

PROBE = """<script>
window.onload = () => setTimeout(() => {
  const inner = document.getElementById("page").contentDocument, root = inner.documentElement;
  const found = {
    width: inner.defaultView.innerWidth,
    needs: Math.max(root.scrollWidth, inner.body.scrollWidth),
    broken: [...inner.images].filter((image) => !image.naturalWidth).map((image) => image.alt),
    images: inner.images.length,
    smallest: Math.min(...[...inner.querySelectorAll(".panels img")].map((i) => i.clientWidth)),
    requests: inner.defaultView.performance.getEntriesByType("resource")
      .map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
    ground: inner.defaultView.getComputedStyle(inner.body).backgroundColor,
  };
  document.getElementById("found").textContent = JSON.stringify(found);
}, 50);
</script>"""


def browser() -> str | None:
    """The first Chromium or Chrome on the path."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


needs_browser = pytest.mark.skipif(
    browser() is None, reason=f"needs a browser: none of {', '.join(BROWSERS)} is on the path"
)


def look_at(page: Path, folder: Path, width: int, *, dark: bool = False) -> Mapping[str, Any]:
    """Open a page as wide as asked and tell what the browser found.

    A window is never narrower than 500 pixels, so the page stands in a frame.

    Args:
        page: The file.
        folder: Where the browser may write.
        width: In pixels.
        dark: Whether the system is.
    """
    frame = f'<iframe id="page" src="{page.as_uri()}" width="{width}" height="900"></iframe>'
    probe = folder / "probe.html"
    probe.write_text(f'<!doctype html><p id="found"></p>{frame}{PROBE}', encoding="utf-8")
    words = [
        str(browser()),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
        "--virtual-time-budget=3000",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={max(width + 100, 600)},1000",
        "--dump-dom",
        probe.as_uri(),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    answer = re.search(r'id="found">(.*?)</p>', done.stdout)
    assert answer is not None, done.stderr
    assert answer[1], done.stderr
    return {
        **json.loads(unescape(answer[1])),
        "console": re.findall(r"CONSOLE.*", done.stderr),
    }
