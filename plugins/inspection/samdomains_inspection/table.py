"""The table of an image's defects, as CSV: what, how large, where."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from samdomains.plugin import ObjectMask
from samdomains_inspection.measurement import measure

PIXEL_COLUMNS = (
    *("image", "number", "class", "area_px", "length_px", "width_px", "x_px", "y_px"),
    *("x0_px", "y0_px", "x1_px", "y1_px", "score"),
)
MILLIMETRE_COLUMNS = ("area_mm2", "length_mm", "width_mm", "x_mm", "y_mm")


def defect_table(
    image: str,
    defects: Sequence[ObjectMask],
    classes: Mapping[int, str],
    pixel_size: float | None = None,
) -> str:
    """A row for each defect, in their order; the header alone where there is none.

    ``x_px`` and ``y_px`` are the centre of mass, 0 the centre of the first pixel; the box has
    ``x1_px`` and ``y1_px`` just outside. What length and width mean says ``measurement``. The
    score, the model's estimate of its IoU, is empty where there is none.

    Args:
        image: Id of the image. It stands in every row, so that tables can be joined.
        defects: Of the image.
        classes: Class id → kind of defect.
        pixel_size: Side of a pixel in millimetres; with it the same follows in millimetres.

    Returns:
        CSV with commas and a header.

    Example:
        >>> import numpy as np
        >>> dent = ObjectMask(np.ones((2, 4), dtype=bool), (10, 20), (100, 100), score=0.913)
        >>> print(defect_table("a", [dent], {1: "dent"}), end="")
        image,number,class,area_px,length_px,width_px,x_px,y_px,x0_px,y0_px,x1_px,y1_px,score
        a,1,dent,8,4.47,2.00,21.50,10.50,20,10,24,12,0.913
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(PIXEL_COLUMNS if pixel_size is None else PIXEL_COLUMNS + MILLIMETRE_COLUMNS)
    for number, defect in enumerate(defects, start=1):
        name = classes.get(defect.class_id, str(defect.class_id))
        table.writerow([image, number, name, *_values(defect, pixel_size)])
    return text.getvalue()


def _values(defect: ObjectMask, pixel_size: float | None) -> list[str]:
    """The measurements of one defect, in the order of the columns."""
    found = measure(defect)
    sizes = [f"{value:.2f}" for value in (found.length, found.width, found.x, found.y)]
    box = [str(int(side)) for side in defect.box]
    score = "" if defect.score is None else f"{defect.score:.3f}"
    pixels = [str(defect.area), *sizes, *box, score]
    if pixel_size is None:
        return pixels
    true = found.scaled(pixel_size)
    values = (true.area, true.length, true.width, true.x, true.y)
    return pixels + [f"{value:.6g}" for value in values]
