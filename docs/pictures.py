"""Make the pictures of the documents from generated data: ``python docs/pictures.py``.

A run on the demo data of microscopy, and the picture that its report shows of the median case.
"""

from __future__ import annotations

import base64
import re
import tempfile
from pathlib import Path

from samdomains import run
from samdomains.files import atomic_path

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Write ``docs/images/nuclei.png``."""
    with tempfile.TemporaryDirectory() as folder:
        result = run("microscopy", out=Path(folder) / "run", tell=print)
        report = (result.directory / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', report)
    with atomic_path(IMAGES / "nuclei.png") as temporary:
        temporary.write_bytes(base64.b64decode(pictures[len(pictures) // 2]))


if __name__ == "__main__":
    main()
