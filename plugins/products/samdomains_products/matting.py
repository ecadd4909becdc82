"""From a hard mask to a soft edge: opacity in a narrow band, and colours without the background.

Closed-form matting (Levin, Lischinski and Weiss 2008, doi:10.1109/TPAMI.2007.1177) and multi-level
foreground estimation (Germer, Uelwer, Conrad and Harmeling 2020, ICPR), both from PyMatting
(Germer et al. 2020, doi:10.21105/joss.02481).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from samdomains.plugin import Mask
from samdomains_products._reduced import enlarge, linear_model, mean_of_blocks

EDGE = 3 / 256
"""Width of the unknown band on each side of the contour, as a share of the longer side: three
pixels of SAM's mask decoder, whose masks are 256 wide (arXiv:2304.02643, appendix A). A contour is
not known better than to one; of 2 to 4, which differ little in sum, two misses more of blurred and
frayed edges, and four spoils more of sharp ones (benchmarks/cutouts.py)."""

NARROWEST = 2
"""The band is never narrower on either side, in pixels, since demosaicing and JPEG blur that much;
and a part no deeper has no core that would surely be opaque."""

TRUST = 0.1
"""Weight of the mask against the colours at the band's rims, from where it falls to 0 at the
contour with the square of the depth. Without it a light rim or a gleam in the band passes for
background; 0.1 mends that at hardly any cost elsewhere."""

MOST_PIXELS = 500_000
"""A larger crop is solved at a reduced size, since the equations take about 1 KB a pixel."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SoftCutout:
    """A picture's object with its soft edge, at the picture's own size.

    Attributes:
        alpha: (H, W) in [0, 1], opacity.
        colours: (H, W, 3) in [0, 1], of the object alone, not multiplied by alpha. Around the
            object they go on for some pixels, so that resizing draws in no black; farther off
            they are 0.
    """

    alpha: Floats
    colours: Floats


def cut_out(image: Floats, mask: Mask, edge: float = EDGE) -> SoftCutout:
    """Give a mask a soft edge.

    In a band along the contour the opacity is unknown, and solved for; elsewhere the mask says it.
    Where nothing borders on background (no object, or nothing but object) there is no band, and
    the mask is the opacity.

    Args:
        image: (H, W, 3) in [0, 1].
        mask: (H, W), the objects.
        edge: Width of the band on each side, as a share of the longer side.

    Raises:
        ValueError: The equations cannot be solved.
    """
    if mask.all() or not mask.any():
        alpha = mask.astype(np.float64)
        return SoftCutout(alpha, image * alpha[..., None])
    width = max(NARROWEST, edge * max(mask.shape))
    window = _around(mask, margin=math.ceil(2 * width) + 2)
    alpha, colours = np.zeros(mask.shape), np.zeros(image.shape)
    alpha[window], colours[window] = _solve(image[window], mask[window], width)
    return SoftCutout(alpha, colours)


def _around(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The rows and columns of an object, with a margin inside the picture."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + margin + 1),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + margin + 1),
    )


def _solve(image: Floats, mask: Mask, width: float) -> tuple[Floats, Floats]:
    """Opacity and colours of a crop; of a large one at a reduced size, brought back by its pixels.

    On the way back, opacity is the linear function of the colours that holds around each reduced
    pixel (He and Sun 2015, arXiv:1505.00996), which keeps edges as sharp as the picture's; and
    what the reduced colours leave unexplained is added in proportion to the opacity.
    """
    size = mask.shape
    step = math.ceil(math.sqrt(mask.size / MOST_PIXELS))
    if step == 1:
        alpha = closed_form(image, mask, width)
        return alpha, _layers(image, alpha)[0]
    small = mean_of_blocks(image, step)
    mask = mean_of_blocks(mask.astype(np.float64), step) >= 0.5
    reduced = closed_form(small, mask, width / step)
    slope, offset = linear_model(small, reduced, (reduced > 0) & (reduced < 1))
    alpha = (enlarge(slope, step, size) * image).sum(axis=-1) + enlarge(offset, step, size)
    alpha = np.clip(alpha, 0, 1)
    front, back = (enlarge(layer, step, size) for layer in _layers(small, reduced))
    share = alpha[..., None]
    unexplained = image - share * front - (1 - share) * back
    return alpha, np.clip(front + share * unexplained, 0, 1)


def trimap(mask: Mask, width: float) -> Floats:
    """What is known from a mask: 1 object, 0 background, 0.5 unknown.

    Args:
        mask: (H, W), with object and background.
        width: Of the unknown band on each side of the contour, in pixels. Where the object, or a
            gap in it, is too thin for two bands, each reaches half way to the middle, so that a
            chair's legs keep a core. What is thinner than 4 pixels (hair, gaps between hair) is
            wholly unknown, unless there is nothing thicker.

    Returns:
        (H, W).

    Example:
        >>> trimap(np.array([[0, 0, 0, 0, 1, 1, 1, 1]], dtype=bool), 2.0).tolist()
        [[0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0]]
    """
    known = np.full(mask.shape, 0.5)
    known[_core(mask, width)] = 1.0
    known[_core(~mask, width)] = 0.0
    return known


def _core(region: Mask, width: float) -> Mask:
    """The pixels of a region that lie deeper than the band, or than half of what is thin there."""
    depth = ndimage.distance_transform_edt(region)
    middle = ndimage.maximum_filter(depth, 2 * math.ceil(width) + 1)
    core: Mask = depth > np.minimum(width, middle / 2)
    firm: Mask = core & (middle > NARROWEST)
    return firm if firm.any() else core


def closed_form(image: Floats, mask: Mask, width: float) -> Floats:
    """Opacity by closed-form matting in a band along a contour; elsewhere that of the mask.

    Within the band the mask is believed the more, the farther from its contour: a weight
    (``TRUST``) beside the matting Laplacian, as the paper has it for its users' strokes.

    Args:
        image: (H, W, 3) in [0, 1].
        mask: (H, W), with object and background.
        width: Of the band on each side, in pixels.

    Returns:
        (H, W) in [0, 1].

    Raises:
        ValueError: The solver does not converge.
    """
    from pymatting import cf_laplacian, cg, ichol

    alpha = trimap(mask, width).ravel()
    unknown = alpha == 0.5
    if not unknown.any():
        return alpha.reshape(mask.shape)
    guide = np.ascontiguousarray(image, dtype=np.float64)
    rows = cf_laplacian(guide, is_known=~unknown.reshape(mask.shape)).tocsr()[unknown]
    trust = TRUST * _depth_in_band(mask, width).ravel()[unknown] ** 2
    system = (rows[:, unknown] + sparse.diags(trust)).tocsr()
    given = trust * mask.ravel()[unknown] - rows[:, ~unknown] @ alpha[~unknown]
    alpha[unknown] = cg(system, given, M=ichol(system))
    return np.clip(alpha, 0, 1).reshape(mask.shape)


def _depth_in_band(mask: Mask, width: float) -> Floats:
    """(H, W): how far a pixel is from the contour, on either side; 1 from the band's rim on."""
    inside, outside = (ndimage.distance_transform_edt(region) for region in (mask, ~mask))
    depth: Floats = np.clip((np.maximum(inside, outside) - 0.5) / width, 0, 1)
    return depth


def _layers(image: Floats, alpha: Floats) -> tuple[Floats, Floats]:
    """(H, W, 3) each: the colours of the object and of the background behind it."""
    from pymatting import estimate_foreground_ml

    front, back = estimate_foreground_ml(image, alpha, return_background=True)
    return front.astype(np.float64), back.astype(np.float64)
