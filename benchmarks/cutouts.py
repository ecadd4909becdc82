"""Soft edges of cut-outs against known ones: the hard mask, a feathered mask, and samdomains.

    python benchmarks/cutouts.py [--scenes 3] [--side 512]

Generates objects of known opacity on textured and on plain backgrounds, gives each method the hard
mask, and prints how far its opacity is from the truth, as a Markdown table:

* SAD, the sum of absolute differences of opacity, in thousands of pixels;
* MSE, the mean squared difference in the band where the opacity may be fractional, times 1000
  (both as in Rhemann et al. 2009, CVPR, which brought the benchmark alphamatting.com).

Each is measured twice: with the mask that is right at half opacity, and with that mask as a model
gives it, drawn at 256 pixels. Where rembg is importable, its alpha matting is measured too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw
from samdomains_products.matting import cut_out
from scipy import ndimage

try:
    from rembg.bg import alpha_matting_cutout
except ImportError:
    alpha_matting_cutout = None

Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

DRAWN_LARGER = 4
MASK_OF_SAM = 256
STRANDS = 160
KINDS = ("disc", "polygon", "hair")
GROUNDS = ("studio", "texture")


def main() -> None:
    parser = argparse.ArgumentParser(description="Soft edges of cut-outs against known ones.")
    parser.add_argument("--scenes", type=int, default=3, help="of each kind and background")
    parser.add_argument("--side", type=int, default=512, help="of a scene, in pixels")
    options = parser.parse_args()
    scores: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for kind in KINDS:
        for number in range(options.scenes * len(GROUNDS)):
            rng = np.random.default_rng([number, KINDS.index(kind)])
            ground = GROUNDS[number % len(GROUNDS)]
            image, truth = scene(rng, kind, ground, options.side)
            for origin, mask in {"right": truth > 0.5, "model's": as_a_model(truth)}.items():
                for name, method in METHODS.items():
                    error = errors(method(image, mask), truth)
                    scores.setdefault((name, origin, kind), []).append(error)
    print_table(scores)


def print_table(scores: Mapping[tuple[str, str, str], list[tuple[float, float]]]) -> None:
    """One row a method and mask; each cell holds SAD and MSE."""
    print("| method | mask |", " | ".join(f"{kind}: SAD, MSE" for kind in KINDS), "|")
    print("|---|---|" + "---|" * len(KINDS))
    for origin in ("right", "model's"):
        for name in METHODS:
            means = [np.mean(scores[name, origin, kind], axis=0) for kind in KINDS]
            cells = " | ".join(f"{sad:.2f}, {mse:.2f}" for sad, mse in means)
            print(f"| {name} | {origin} | {cells} |")


def errors(alpha: Floats, truth: Floats) -> tuple[float, float]:
    """SAD in thousands of pixels, MSE in the band times 1000."""
    soft = (truth > 0) & (truth < 1)
    band = ndimage.binary_dilation(soft, iterations=len(truth) // 64)
    return (
        float(np.abs(alpha - truth).sum() / 1000),
        float(1000 * ((alpha - truth) ** 2)[band].mean()),
    )


def hard(image: Floats, mask: Mask) -> Floats:  # noqa: ARG001 (a method takes both)
    return mask.astype(np.float64)


def feather(image: Floats, mask: Mask) -> Floats:  # noqa: ARG001 (as above)
    """A Gaussian of half a pixel of SAM's mask, the best width of 0.5, 1 and 2."""
    return ndimage.gaussian_filter(mask.astype(np.float64), len(mask) / (2 * MASK_OF_SAM))


def matted(image: Floats, mask: Mask) -> Floats:
    return cut_out(image, mask).alpha


def rembg_matted(image: Floats, mask: Mask) -> Floats:
    """With rembg's own defaults: thresholds of 240 and 10, ten pixels of erosion."""
    picture = PillowImage.fromarray(np.rint(255 * image).astype(np.uint8))
    hard_mask = PillowImage.fromarray(mask.astype(np.uint8) * np.uint8(255))
    return np.asarray(alpha_matting_cutout(picture, hard_mask, 240, 10, 10))[..., 3] / 255


METHODS: dict[str, Callable[[Floats, Mask], Floats]] = {
    "hard mask": hard,
    "Gaussian feather": feather,
    "samdomains": matted,
}
if alpha_matting_cutout is not None:
    METHODS["rembg, alpha matting"] = rembg_matted


def scene(rng: np.random.Generator, kind: str, ground: str, side: int) -> tuple[Floats, Floats]:
    """An 8-bit picture, (H, W, 3) in [0, 1], and the opacity of its object, (H, W)."""
    alpha = opacity(rng, kind, side)
    back = rng.uniform(0.1, 0.9, 3) if ground == "texture" else np.full(3, rng.uniform(0.85, 0.97))
    front = rng.uniform(0.1, 0.9, 3)
    while np.linalg.norm(front - back) < 0.35:
        front = rng.uniform(0.1, 0.9, 3)
    strength = 1.0 if ground == "texture" else 0.15
    cover = alpha[..., None]
    image = cover * textured(rng, front, side, 1.0) + (1 - cover) * textured(
        rng, back, side, strength
    )
    image += rng.normal(0, 0.008, image.shape)  # of a camera
    return np.rint(255 * np.clip(image, 0, 1)) / 255, alpha


def textured(rng: np.random.Generator, colour: Floats, side: int, strength: float) -> Floats:
    """A colour with fine and coarse unevenness."""
    fine, coarse = (
        ndimage.gaussian_filter(rng.normal(size=(side, side)), blur, mode="wrap")
        for blur in (rng.uniform(2, 6), 20)
    )
    uneven = 0.05 * fine / fine.std() + 0.06 * coarse / coarse.std()
    return np.clip(colour + strength * uneven[..., None] * rng.uniform(0.6, 1.2, 3), 0, 1)


def opacity(rng: np.random.Generator, kind: str, side: int) -> Floats:
    """A disc out of focus, a sharp polygon, or a disc with hair."""
    large = side * DRAWN_LARGER
    sheet = PillowImage.new("L", (large, large))
    draw, centre = ImageDraw.Draw(sheet), large / 2
    if kind == "polygon":
        count = int(rng.integers(5, 9))
        angles = np.sort(rng.uniform(0, 2 * np.pi, count))
        radii = large * rng.uniform(0.18, 0.42, count)
        corners = centre + radii * np.stack([np.cos(angles), np.sin(angles)])
        draw.polygon([tuple(corner) for corner in corners.T], fill=255)
    else:
        radius = large * rng.uniform(0.2, 0.3)
        draw.ellipse([centre - radius] * 2 + [centre + radius] * 2, fill=255)
    if kind == "hair":
        for _ in range(STRANDS):
            draw_strand(rng, draw, centre, radius, large)
    alpha = np.asarray(sheet.resize((side, side), PillowImage.Resampling.BOX)) / 255
    blur = {"disc": rng.uniform(1, 2.5) * side / 256, "polygon": 0.6, "hair": 0.0}[kind]
    return ndimage.gaussian_filter(alpha, blur)


def draw_strand(
    rng: np.random.Generator, draw: ImageDraw.ImageDraw, centre: float, radius: float, large: int
) -> None:
    """A curved line of one or two pixels, rooted on the disc."""
    angle = rng.uniform(0, 2 * np.pi)
    point = centre + (radius - 4) * np.array([np.cos(angle), np.sin(angle)])
    length, heading = large * rng.uniform(0.02, 0.06), angle + rng.uniform(-0.7, 0.7)
    points = [tuple(point)]
    for _ in range(6):
        heading += rng.uniform(-0.25, 0.25)
        point = point + length / 6 * np.array([np.cos(heading), np.sin(heading)])
        points.append(tuple(point))
    draw.line(points, fill=255, width=max(2, round(large / 512 * rng.uniform(0.8, 1.8))))


def as_a_model(truth: Floats) -> Mask:
    """The mask as a model gives it: at 256 pixels, brought to size bilinearly, cut at one half."""
    small = PillowImage.fromarray(truth.astype(np.float32)).resize(
        (MASK_OF_SAM, MASK_OF_SAM), PillowImage.Resampling.BOX
    )
    large = small.resize((truth.shape[1], truth.shape[0]), PillowImage.Resampling.BILINEAR)
    return np.asarray(large) > 0.5


if __name__ == "__main__":
    main()
