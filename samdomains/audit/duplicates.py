"""Images that occur more than once in a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from samdomains.audit.findings import Finding, about_image
from samdomains.audit.intensity import is_constant
from samdomains.types import Case, RawImage


@dataclass(slots=True)
class EqualImages:
    """Finds images with the same pixels, keeping no more of each than a hash.

    Attributes:
        first: Hash of the pixels → the first case that has them.
    """

    first: dict[bytes, Case] = field(default_factory=dict)

    def earlier(self, case: Case, pixels: RawImage) -> Case | None:
        """The first case with the same image; None where this one is the first, or is blank.

        Args:
            case: An image, slice or tile.
            pixels: (C, H, W), as stored.
        """
        if is_constant(pixels):
            return None  # blank images all equal each other, which says nothing about the split
        first = self.first.setdefault(_digest(pixels), case)
        return None if first is case else first


def _digest(pixels: RawImage) -> bytes:
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def about_equal(case: Case, first: Case) -> Finding:
    """An error where an image equals an earlier one of another split, else a warning."""
    if case.split != first.split:
        return about_image(
            case,
            "error",
            f"the image in '{case.split}' equals that of case '{first.id}' in '{first.split}'",
            "Keep one of them, since a test on training images makes the scores too good.",
            check="duplicate_across_splits",
            badness=1.0,
            other=first.id,
        )
    return about_image(
        case,
        "warning",
        f"the image equals that of case '{first.id}'",
        "Keep one of them, or put both in one group so that no split divides them.",
        check="duplicate_image",
        badness=0.6,
        other=first.id,
        fix="drop_duplicate",
    )
