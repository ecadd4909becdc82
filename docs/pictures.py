"""Make the pictures of the documents from generated data: ``python docs/pictures.py``.

``nuclei.png`` is the median case of a run on the demo data of microscopy, ``report.png`` and
``report_*.png`` are its report in a browser, at a desk and on a phone: Chromium must be on the
path.
``domains/DOMAIN.png`` shows a demo image of each installed domain, boxes around some of its
objects, and what the untuned ``tiny`` answers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import PIL.Image

from samdomains import run
from samdomains.chain import installed_domains, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.files import atomic_path
from samdomains.inference import Model, load_model
from samdomains.reports.figures import as_png, case_panel
from samdomains.types import Case, ObjectMask, Prompts

IMAGES = Path(__file__).parent / "images"

OBJECTS = 12
"""Most objects that are prompted in one picture, the largest ones."""


PHONE = (390, 700)
"""Width and height of what a phone's browser shows, in CSS pixels."""

DESK = (1120, 1250)
"""What is shown of the report at a desk: verdict and health, then each of `PARTS`."""

PARTS = ("scores", "outlines")
"""Places of the report that pictures at a desk begin with, beside its top."""


def main() -> None:
    """Write every picture below ``docs/images``."""
    with tempfile.TemporaryDirectory() as folder:
        for domain in installed_domains():
            picture = domain_picture(domain.name, Path(folder) / domain.name)
            _write(IMAGES / "domains" / f"{domain.name}.png", picture)
        clicks = ["evaluation.clicks=10"]
        result = run("microscopy", out=Path(folder) / "run", settings=clicks, tell=print)
        directory = result.directory
        _write(IMAGES / "nuclei.png", run_picture(directory))
        for name, picture in report_pictures(directory / "report.html").items():
            _write(IMAGES / name, picture)


def domain_picture(name: str, folder: Path) -> bytes:
    """The fullest demo image of a domain with prompts, truth and zero-shot answers, as PNG."""
    domain, model = select_domain(name), load_model("tiny", name)
    cases = in_parts(
        domain.load_cases(domain.make_demo_data(folder, 0), model.recipe), model.recipe.scene
    )
    case = max(cases, key=lambda case: len(_objects(case)))
    objects = sorted(_objects(case), key=lambda item: -item.area)[:OBJECTS]
    return _panel(case, objects, model)


def run_picture(directory: Path) -> bytes:
    """The median case of a run on the demo data of microscopy, as PNG."""
    report = (directory / "report.html").read_text(encoding="utf-8")
    median = report.partition("<h3>Median</h3>")[2]
    name = re.search(r"<figcaption>(.+?): Dice", median)
    if name is None:
        raise ValueError(f"{directory}: the report shows no median case")
    model = load_model(directory, "microscopy", with_base=True)
    cases = model.domain.load_cases(directory / "demo_data", model.recipe)
    case = next(case for case in cases if case.id == name[1])
    return _panel(case, _objects(case), model)


def report_pictures(report: Path) -> Mapping[str, bytes]:
    """File name → the report as a browser shows it, as PNG."""
    address, (width, height) = report.resolve().as_uri(), DESK
    scores, outlines = (_framed(report, DESK, (f"#{name}",), "border: 0") for name in PARTS)
    phone = _framed(report, PHONE, ("", "#pictures"), "border: 1px solid #888; border-radius: 24px")
    return {
        "report.png": _screenshot(address, DESK),
        "report_scores.png": _screenshot(scores, (width + 24, height + 28)),
        "report_outlines.png": _screenshot(outlines, (width + 24, height + 28)),
        "report_phone.png": _screenshot(phone, (2 * PHONE[0] + 60, PHONE[1] + 28)),
    }


def _framed(report: Path, size: tuple[int, int], places: Sequence[str], border: str) -> str:
    """Address of a page with places of the report in frames beside each other.

    A window is never as narrow as a phone, and headless Chromium does not scroll to a place.
    """
    style = f"{border}; width: {size[0]}px; height: {size[1]}px"
    address = report.resolve().as_uri()
    frames = [f'<iframe style="{style}" src="{address}{place}"></iframe>' for place in places]
    page = report.with_name(f"frames_{'_'.join(place.lstrip('#') for place in places)}.html")
    page.write_text(f'<body style="margin: 12px">{"&emsp;".join(frames)}', encoding="utf-8")
    return page.as_uri()


def _screenshot(address: str, size: tuple[int, int]) -> bytes:
    """A page in Chromium as PNG."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise FileNotFoundError("the report's pictures need chromium or google-chrome on the path")
    with tempfile.TemporaryDirectory() as folder:
        shown, window = Path(folder) / "page.png", ",".join(map(str, size))
        words = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        words += [f"--user-data-dir={folder}/profile", f"--window-size={window}"]
        words += [f"--screenshot={shown}", "--virtual-time-budget=3000", address]
        subprocess.run([browser, *words], check=True, capture_output=True)
        return as_png(PIL.Image.open(shown).convert("RGB"))


def _panel(case: Case, objects: Sequence[ObjectMask], model: Model) -> bytes:
    """Prompts, truth, and what each system of a model answers."""
    image = normalized_image(case, model.normalizer)
    prompts = [Prompts(box=item.box) for item in objects]
    answers = {
        name: system.encode(image).predict(prompts, multimask=False)
        for name, system in model.systems.items()
    }
    return case_panel(
        image,
        prompts=prompts,
        truth=[item.mask() for item in objects],
        predictions={name: [one.mask() for one in own] for name, own in answers.items()},
    )


def _objects(case: Case) -> tuple[ObjectMask, ...]:
    return case.read_objects() if case.read_objects else ()


def _write(path: Path, picture: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(picture)


if __name__ == "__main__":
    main()
