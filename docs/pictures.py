"""Make the pictures of the documents from generated data: ``python docs/pictures.py``.

``nuclei.png`` is the median case of a run on the demo data of microscopy, as its report shows it.
``domains/DOMAIN.png`` shows a demo image of each installed domain, boxes around some of its
objects, and what the untuned ``tiny`` answers.
"""

from __future__ import annotations

import base64
import re
import tempfile
from pathlib import Path

from samdomains import run
from samdomains.chain import installed_domains, select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.files import atomic_path
from samdomains.inference import load_model
from samdomains.reports.figures import case_panel
from samdomains.types import Case, ObjectMask, Prompts

IMAGES = Path(__file__).parent / "images"

OBJECTS = 12
"""Most objects that are prompted in one picture, the largest ones."""


def main() -> None:
    """Write every picture below ``docs/images``."""
    with tempfile.TemporaryDirectory() as folder:
        for domain in installed_domains():
            picture = domain_picture(domain.name, Path(folder) / domain.name)
            _write(IMAGES / "domains" / f"{domain.name}.png", picture)
        _write(IMAGES / "nuclei.png", run_picture(Path(folder) / "run"))


def domain_picture(name: str, folder: Path) -> bytes:
    """The fullest demo image of a domain with prompts, truth and zero-shot answers, as PNG."""
    domain, model = select_domain(name), load_model("tiny", name)
    cases = in_parts(
        domain.load_cases(domain.make_demo_data(folder, 0), model.recipe), model.recipe.scene
    )
    case = max(cases, key=lambda case: len(_objects(case)))
    image = normalized_image(case, model.normalizer)
    objects = sorted(_objects(case), key=lambda item: -item.area)[:OBJECTS]
    prompts = [Prompts(box=item.box) for item in objects]
    answers = model.systems["zero_shot"].encode(image).predict(prompts, multimask=False)
    return case_panel(
        image,
        prompts=prompts,
        truth=[item.mask() for item in objects],
        predictions={"zero_shot": [answer.mask() for answer in answers]},
    )


def run_picture(directory: Path) -> bytes:
    """The median case of a run on the demo data of microscopy, as PNG."""
    result = run("microscopy", out=directory, tell=print)
    report = (result.directory / "report.html").read_text(encoding="utf-8")
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', report)
    return base64.b64decode(pictures[len(pictures) // 2])


def _objects(case: Case) -> tuple[ObjectMask, ...]:
    return case.read_objects() if case.read_objects else ()


def _write(path: Path, picture: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(picture)


if __name__ == "__main__":
    main()
