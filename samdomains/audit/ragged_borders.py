"""Masks whose borders are ragged, as a threshold or a hasty brush leaves them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from samdomains.audit.findings import Finding, Unjudged, about_mask
from samdomains.audit.looks import label_map
from samdomains.types import Case, ObjectMask

WINDOW = 3
"""Side in pixels of the square whose majority is the smooth mask: it takes off single pixels and
keeps curves and all but the thinnest parts."""

LEAST_BORDER = 60
"""Steps of border; of a shorter one a few pixels decide."""

LEAST_IMAGES = 6
"""With fewer images nobody can say what is usual in the set."""

LEAST_RAGGED = 0.2
"""Pixels that smoothing changes for each step of border. Drawn borders of the shared data sets have
0 to 0.1, label maps that were resampled up to 0.2, borders of pixels set by chance 0.3."""

TIMES_USUAL = 1.4
"""Times the median of the set from which an image stands out."""

FAR = 4.0
"""The same in robust standard deviations."""

LEAST_SPREAD = 0.02
"""Least spread that is reckoned with, in pixels for each step of border."""

MOST_RAGGED = 0.35
"""Share of images above which ragged borders are the way of the set."""


@dataclass(slots=True)
class RaggedBorders:
    """How ragged the borders of each image are.

    Attributes:
        images: The images with enough border, and pixels that smoothing changes for each step.
    """

    images: list[tuple[Case, float]] = field(default_factory=list)

    def look_at(self, case: Case, objects: Sequence[ObjectMask]) -> None:
        """Measure the masks of an image, slice or tile.

        Args:
            case: The image.
            objects: Of the image, all of one size.
        """
        value = raggedness(objects)
        if value is not None:
            self.images.append((case, value))

    def findings(self) -> Iterator[Finding]:
        """The images that stand out, once all were looked at."""
        if len(self.images) < LEAST_IMAGES:
            return
        values = np.array([value for _, value in self.images])
        usual = float(np.median(values))
        spread = max(1.4826 * float(np.median(np.abs(values - usual))), LEAST_SPREAD)
        limit = max(LEAST_RAGGED, TIMES_USUAL * usual, usual + FAR * spread)
        if np.mean(values >= limit) > MOST_RAGGED:
            return
        for case, value in self.images:
            if value >= limit:
                yield about_mask(
                    case,
                    "warning",
                    f"the borders are ragged: smoothing them changes {value:.2f} px for each step "
                    f"of border, where {usual:.2f} is usual",
                    "Smooth the mask or draw it again; a model learns ragged borders.",
                    check="ragged_border",
                    badness=min(0.7, 0.3 + 0.1 * value / usual) if usual > 0 else 0.7,
                )

    def unjudged(self) -> Iterator[Unjudged]:
        """Why nothing is said, where it is so."""
        if len(self.images) < LEAST_IMAGES:
            yield Unjudged(
                "ragged_border",
                f"{len(self.images)} images have enough border, and {LEAST_IMAGES} are needed to "
                "know what is usual",
            )


def raggedness(objects: Sequence[ObjectMask]) -> float | None:
    """Pixels that smoothing changes for each step of border; None where there is little border.

    Args:
        objects: Of one image, all of one size.

    Example:
        >>> disk = np.hypot(*np.mgrid[-30:30, -30:30]) < 20
        >>> raggedness([ObjectMask.from_mask(disk)]) < 0.1
        True
    """
    if not objects:
        return None
    mask = label_map(objects, objects[0].image_size) > 0
    border = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    if border < LEAST_BORDER:
        return None
    smooth = ndimage.uniform_filter(mask.astype(np.float32), WINDOW, mode="nearest") > 0.5
    return float((smooth != mask).sum()) / border
