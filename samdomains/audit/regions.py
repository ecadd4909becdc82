"""What looks like the objects of an image, labelled or not.

In each image the pixels of its own objects and of its background are a normal distribution each.
What looks like objects and carries no label is a candidate; each labelled object is looked at in
the same way, as if its label were missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.audit.findings import PixelBox
from samdomains.audit.looks import Look

LONGEST_SIDE = 448
"""Pixels; larger looks are thinned out, since an object to be missed is not that small."""

LEAST_AREA = 20
"""Pixels of the smallest candidate; what is smaller has no shape."""

CLEARANCE = 2
"""Pixels around labels where nothing is looked for: borders are drawn a little inside objects."""

SAMPLE = 2000
"""Pixels of objects, and of background, that say how they look in an image."""

LEAST_SAMPLE = 50
"""With fewer pixels seven properties and their covariance are not known."""

MOST_REGIONS = 200
"""Of each image, the largest; enough to know the set."""

SLIVER = 0.5
"""Share of the area of the image's usual object up to which one that the border cuts is none."""

_PROPERTIES = 6  # of a region: see _region_properties
_FAR = 10.0  # log-likelihood ratio of a pixel; beyond it a normal distribution says too much


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """What looks like an object in an image.

    Attributes:
        labelled: (L, 6), properties of the labelled objects, as if their labels were missing.
        unlabelled: (U, 6), those of the candidates.
        boxes: Of the candidates, in pixels of the image.
        objects: Number of labelled objects, also of those that look like nothing; at most
            ``MOST_REGIONS``.
    """

    labelled: NDArray[np.float32]
    unlabelled: NDArray[np.float32]
    boxes: tuple[PixelBox, ...]
    objects: int


def find_regions(look: Look) -> Regions | None:
    """Find what looks like the objects of an image, labelled or not.

    Args:
        look: The image and its masks.

    Returns:
        None where there are too few pixels of objects or of background to know how they look.
    """
    step = -(-max(look.labels.shape) // LONGEST_SIDE)
    labels = look.labels[::step, ::step]
    clearance = max(1, CLEARANCE // step)
    highest, lowest = _highest(labels, clearance), _lowest(labels, clearance)
    alike = _likeness(look, step, labels, highest == 0)
    if alike is None:
        return None
    seen = ndimage.binary_opening(alike > 0)
    candidates, _ = ndimage.label(seen & (highest == 0))
    # Around an object, where no other is near, is where a candidate in its place would be.
    own = np.where(seen & (highest == lowest), highest, 0)
    gradient = look.gradient[:, ::step, ::step].max(axis=0)
    labelled, _ = _region_properties(own, alike, gradient, labels)
    unlabelled, boxes = _region_properties(candidates, alike, gradient, labels)
    kept = [
        not _is_sliver(box, row, labelled, labels.shape)
        for box, row in zip(boxes, unlabelled, strict=True)
    ]
    unlabelled, boxes = (
        unlabelled[kept],
        [box for box, keep in zip(boxes, kept, strict=True) if keep],
    )
    scale = step * look.scale
    scaled = tuple((x0 * scale, y0 * scale, x1 * scale, y1 * scale) for x0, y0, x1, y1 in boxes)
    objects = int(np.count_nonzero(np.bincount(labels.ravel())[1:]))
    return Regions(labelled, unlabelled, scaled, min(objects, MOST_REGIONS))


def _is_sliver(
    box: PixelBox,
    row: NDArray[np.float32],
    labelled: NDArray[np.float32],
    size: tuple[int, ...],
) -> bool:
    """Whether it is what the image's border leaves of an object: few people label these."""
    cut = box[0] == 0 or box[1] == 0 or box[2] == size[1] or box[3] == size[0]
    usual = float(np.median(labelled[:, 0])) if len(labelled) else 0.0
    return cut and float(row[0]) < usual + math.log(SLIVER)


def _highest(labels: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    """The highest label in a window that reaches so many pixels in each direction."""
    for _ in range(reach):
        wider = labels.copy()
        np.maximum(wider[1:], labels[:-1], out=wider[1:])
        np.maximum(wider[:-1], labels[1:], out=wider[:-1])
        labels = wider.copy()
        np.maximum(labels[:, 1:], wider[:, :-1], out=labels[:, 1:])
        np.maximum(labels[:, :-1], wider[:, 1:], out=labels[:, :-1])
    return labels


def _lowest(labels: NDArray[np.int32], reach: int) -> NDArray[np.int32]:
    """The lowest label but 0 in such a window; 0 where there is none."""
    # Of labels turned round the highest is the lowest.
    top = int(labels.max(initial=0)) + 1
    turned = _highest(np.where(labels == 0, 0, top - labels), reach)
    lowest: NDArray[np.int32] = np.where(turned == 0, 0, top - turned)
    return lowest


def _is_inside(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(h, w): pixels with no background beside them."""
    inside: NDArray[np.bool_] = _highest((labels == 0).astype(np.int32), 1) == 0
    return inside


def _likeness(
    look: Look, step: int, labels: NDArray[np.int32], free: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """(h, w): how much more a pixel looks like the image's objects than like its background."""
    seen = _appearance(look)[::step, ::step]
    inside, outside = seen[_is_inside(labels)], seen[free]
    if len(inside) < LEAST_SAMPLE or len(outside) < LEAST_SAMPLE:
        return None
    inside, outside = _sample(inside, SAMPLE), _sample(outside, 2 * SAMPLE)
    # What looks like an object is no background to learn from: it may be what was forgotten.
    ratio = log_density(outside, inside) - log_density(outside, outside)
    background = outside[ratio < 0]
    rows = seen.reshape(-1, seen.shape[-1])
    likeness = log_density(rows, inside) - log_density(
        rows, background if len(background) >= LEAST_SAMPLE else outside
    )
    return np.clip(likeness, -_FAR, _FAR).reshape(labels.shape).astype(np.float32)


def _appearance(look: Look) -> NDArray[np.float32]:
    """(h, w, 2C + 1): colour, colour around, and gradient around each pixel."""
    channels = look.channels
    near = ndimage.gaussian_filter(channels, (0, 1.0, 1.0), truncate=3.0)
    around = ndimage.gaussian_filter(channels, (0, 3.0, 3.0), truncate=2.5)
    gradient = ndimage.uniform_filter(look.gradient.max(axis=0), 5)
    return np.moveaxis(np.concatenate([near, around, gradient[None]]), 0, -1)


def _sample(rows: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), count)).astype(np.intp)]


def log_density(
    rows: NDArray[np.floating],
    sample: NDArray[np.floating],
    *,
    least: float = 1e-4,
    widened: float = 1.0,
) -> NDArray[np.float64]:
    """(N,): log density of rows under the normal distribution of a sample, up to a constant.

    ``least`` is the variance that each property has at least: what hardly varies must not decide
    everything.
    """
    middle = sample.mean(axis=0)
    covariance = np.cov(sample.T.astype(np.float64))
    covariance += np.diag(0.02 * np.diag(covariance) + least)
    covariance *= widened**2
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T.astype(rows.dtype)
    apart = (rows - middle.astype(rows.dtype)) @ whitening
    density: NDArray[np.float64] = -0.5 * np.einsum("ij,ij->i", apart, apart)
    return density - 0.5 * float(np.linalg.slogdet(covariance)[1])


def _region_properties(
    regions: NDArray[np.int32],
    alike: NDArray[np.float32],
    gradient: NDArray[np.float32],
    labels: NDArray[np.int32],
) -> tuple[NDArray[np.float32], list[PixelBox]]:
    """(R, 6) and boxes of the largest regions.

    The properties: log of the area, likeness inside, what it is more than around, log of the
    gradient at the border, share of the box, compactness.
    """
    count = int(regions.max(initial=0))
    area = np.bincount(regions.ravel(), minlength=count + 1).astype(np.float64)
    area[0] = 0
    chosen = np.argsort(-area)[:MOST_REGIONS]
    chosen = chosen[area[chosen] >= LEAST_AREA]
    places = ndimage.find_objects(regions)
    grown = _highest(regions, 1)
    near = _highest(grown, 1)
    wide = _highest(near, 2)
    border = (grown > 0) & ~_is_inside(regions)
    around = (near == 0) & (wide > 0) & (labels == 0)
    inside = _means(regions, alike, np.ones_like(border), count)
    outside = _means(wide, alike, around, count)
    edge = _means(grown, gradient, border, count)
    steps = np.bincount(grown[border], minlength=count + 1)
    rows, boxes = [], []
    for region in chosen:
        vertical, horizontal = places[region - 1]
        box = (horizontal.start, vertical.start, horizontal.stop, vertical.stop)
        box_area = (box[2] - box[0]) * (box[3] - box[1])
        rows.append(
            (
                np.log(area[region]),
                inside[region],
                inside[region] - outside[region],
                np.log(edge[region] + 1e-3),
                area[region] / box_area,
                np.log(area[region] / max(steps[region], 1) ** 2),
            )
        )
        boxes.append(box)
    return np.array(rows, dtype=np.float32).reshape(-1, _PROPERTIES), boxes


def _means(
    regions: NDArray[np.int32],
    values: NDArray[np.float32],
    where: NDArray[np.bool_],
    count: int,
) -> NDArray[np.float64]:
    """(count + 1,): the mean of the values of each region; 0 where it has none."""
    chosen = regions[where]
    sums = np.bincount(chosen, values[where], minlength=count + 1)
    return sums / np.maximum(np.bincount(chosen, minlength=count + 1), 1)
