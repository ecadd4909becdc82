"""Zero-shot scores of ``tiny`` beside the ellipse in the box, on labelled data sets of all domains.

python benchmarks/tiny.py path/to/data --json

The folder holds the data sets of ``SETS``; those that are missing are left out. Volumes are scored
by their slices, which their domains cut and normalise. ``--checkpoint`` takes another file with
tiny's weights, and ``--worst FOLDER`` draws the three worst answers to boxes of each set.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PilImage

from samdomains.chain import select_domain
from samdomains.data.parts import in_parts, normalized_image
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.results import ObjectScore, summarize
from samdomains.evaluation.scorer import Asked, score
from samdomains.protocols import Normalizer
from samdomains.recipe import ZOOM_OF_TINY
from samdomains.sam.checkpoints import load_base
from samdomains.sam.frame import encode_image
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Case, Prompts


@dataclass(frozen=True, slots=True)
class DataSet:
    """Where a set is and how it is read.

    Attributes:
        path: Below the folder of all sets.
        tile: ``model.tile``, for points; None shows them the whole image.
        domain: Whose readers and intensities are used.
    """

    path: str
    tile: int | None = None
    domain: str = "images"


SETS = (
    DataSet("microscopy/nuclei_dsb2018", 128, "microscopy"),
    DataSet("microscopy/blood_cells"),
    DataSet("microscopy/em_membranes", 256, "em"),
    DataSet("microscopy/em_organelles", 128, "em"),
    DataSet("microscopy/nuclei3d_stack", domain="microscopy"),
    DataSet("satellite/buildings_coco"),
    DataSet("satellite/buildings_geotiff"),
    DataSet("satellite/fields_sentinel2"),
    DataSet("satellite/roads_png"),
    DataSet("infrared/small_targets", 128),
    DataSet("infrared/udder_thermal"),
    DataSet("ecommerce/clothing"),
    DataSet("ecommerce/products"),
    DataSet("industrial/magnetic_tile"),
    DataSet("industrial/steel_coco"),
    DataSet("agriculture/crop_weed", 512),
    DataSet("mri/prostate_png", domain="mri"),
    DataSet("mri/abdomen_mr_nifti", domain="mri"),
    DataSet("mri/spinal_cord_nifti", domain="mri"),
    DataSet("ct/abdomen_nifti", domain="ct"),
    DataSet("ct/abdomen_dicom", domain="ct"),
)

SYSTEM = "tiny"

MINIMUM_AREA = 16
"""Objects with fewer pixels are not scored."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--images", type=int, default=12, help="of each set, evenly spread")
    parser.add_argument("--objects", type=int, default=20, help="of each image, at random")
    parser.add_argument("--only", help="sets whose path contains this")
    parser.add_argument("--worst", type=Path, metavar="FOLDER")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sam = load_base("tiny", arguments.checkpoint).sam
    rows: dict[str, dict[str, Any]] = {}
    print("| set | tile | images | box | ellipse | point | point+3 | IoU correlation |")
    print("|---|---|---|---|---|---|---|---|")
    for data in SETS:
        if arguments.only and arguments.only not in data.path:
            continue
        cases, normalizer = read(data, arguments.data, arguments.images)
        if not cases:
            continue
        segmenter = SamSegmenter(sam, data.tile, ZOOM_OF_TINY)
        scores = score(
            {SYSTEM: segmenter, "box_ellipse": BoxEllipse()},
            cases,
            normalizer=normalizer,
            asked=Asked(
                ("box", "point", "point+3"), MINIMUM_AREA, objects_per_case=arguments.objects
            ),
        ).objects
        rows[data.path] = row(data, scores)
        print(line(data.path, rows[data.path]), flush=True)
        if arguments.worst:
            draw_worst(arguments.worst, data, cases, normalizer, segmenter, scores)
    means = {
        key: float(np.mean([values[key] for values in rows.values()]))
        for key in ("box", "ellipse", "point", "point+3", "iou_correlation")
    }
    seconds = encoder_seconds(sam)
    print(line("mean", {"tile": "", "images": "", **means}))
    print(f"encoder: {seconds:.3f} s an image on {torch.get_num_threads()} threads")
    if arguments.json:
        print(json.dumps({"sets": rows, "mean": means, "encoder_seconds": seconds}))


def read(data: DataSet, root: Path, images: int) -> tuple[Sequence[Case], Normalizer]:
    """Some of a set's images and slices that show an object, evenly spread; none if missing."""
    domain = select_domain(data.domain)
    # A prompt stands for one connected part: nobody prompts for all roofs at once.
    recipe = domain.resolve_recipe(settings=["data.objects=components"]).recipe
    folder = root / data.path
    cases = in_parts(domain.load_cases(folder, recipe), recipe.scene) if folder.exists() else ()
    shown = [case for case in cases if case.slice_of is None or shows_object(case)]
    spread = np.linspace(0, len(shown) - 1, min(images, len(shown))).round().astype(int)
    return [shown[i] for i in spread], domain.normalize_intensity(recipe)


def shows_object(case: Case) -> bool:
    objects = case.read_objects() if case.read_objects else ()
    return any(item.area >= MINIMUM_AREA for item in objects)


def row(data: DataSet, scores: Sequence[ObjectScore]) -> dict[str, Any]:
    summary = summarize(scores, resamples=1, seed=0)["test"]
    own = [s for s in scores if s.system == SYSTEM and np.isfinite(s.iou)]
    both = np.array([(s.predicted_iou, s.iou) for s in own])
    return {
        "tile": data.tile or "whole",
        "images": len({s.case for s in own}),
        "box": summary[SYSTEM]["box"]["dice"]["mean"],
        "ellipse": summary["box_ellipse"]["box"]["dice"]["mean"],
        "point": summary[SYSTEM]["point"]["dice"]["mean"],
        "point+3": summary[SYSTEM]["point+3"]["dice"]["mean"],
        "iou_correlation": float(np.corrcoef(both.T)[0, 1]),
    }


def line(name: str, values: dict[str, Any]) -> str:
    figures = [f"{values[key]:.3f}" for key in ("box", "ellipse", "point", "point+3")]
    cells = [name, str(values["tile"]), str(values["images"]), *figures]
    return "| " + " | ".join([*cells, f"{values['iou_correlation']:.2f}"]) + " |"


def encoder_seconds(sam: Any) -> float:  # noqa: ANN401
    side = sam.image_encoder.img_size
    image = np.random.default_rng(0).random((3, side, side), dtype=np.float32)
    with torch.inference_mode():
        encode_image(sam, image)
        started = time.perf_counter()
        for _ in range(10):
            encode_image(sam, image)
    return (time.perf_counter() - started) / 10


def draw_worst(
    folder: Path,
    data: DataSet,
    cases: Sequence[Case],
    normalizer: Normalizer,
    segmenter: SamSegmenter,
    scores: Sequence[ObjectScore],
) -> None:
    """Three answers to boxes, one under the other: the box, the truth, the answer."""
    boxes = [s for s in scores if s.system == SYSTEM and s.prompt == "box"]
    by_id = {case.id: case for case in cases}
    worst: dict[str, ObjectScore] = {}
    for item in sorted(boxes, key=lambda s: s.dice):
        worst.setdefault(item.case, item)
    panels = []
    for item in list(worst.values())[:3]:
        case = by_id[item.case]
        image = normalized_image(case, normalizer)
        truth = case.read_objects()[item.object_index]  # type: ignore[misc]
        prompt = Prompts(box=truth.box, source="ground_truth")
        (answer,) = segmenter.encode(image).predict([prompt], multimask=False)
        row_ = [image.copy() for _ in range(3)]
        row_[1][1][truth.mask()] = 1.0
        row_[2][0][answer.mask()] = 1.0
        x0, y0, x1, y1 = truth.box.astype(int)
        for x, y in ((slice(x0, x1), y0), (slice(x0, x1), y1 - 1)):
            row_[0][:, y, x] = np.array([1.0, 1.0, 0.0])[:, None]
        for x, y in ((x0, slice(y0, y1)), (x1 - 1, slice(y0, y1))):
            row_[0][:, y, x] = np.array([1.0, 1.0, 0.0])[:, None]
        joined = np.concatenate(row_, axis=2).transpose(1, 2, 0)
        picture = PilImage.fromarray((joined * 255).astype(np.uint8))
        panels.append(picture.resize((900, round(900 * picture.height / picture.width))))
    sheet = PilImage.new("RGB", (900, sum(p.height for p in panels)))
    top = 0
    for panel in panels:
        sheet.paste(panel, (0, top))
        top += panel.height
    folder.mkdir(parents=True, exist_ok=True)
    sheet.save(folder / f"{data.path.replace('/', '-')}.png")


if __name__ == "__main__":
    main()
