"""Images that occur more than once in a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from samdomains.audit.findings import Finding, about_image
from samdomains.audit.intensity import is_constant
from samdomains.types import Case, RawImage, Split


@dataclass(slots=True)
class EqualImages:
    """Finds images with the same pixels, keeping no more of each than a hash.

    Attributes:
        first: Hash of the pixels → id and split of the first case that has them.
    """

    first: dict[bytes, tuple[str, Split | None]] = field(default_factory=dict)

    def look_at(self, case: Case, pixels: RawImage) -> Iterator[Finding]:
        """An error where an image equals an earlier one of another split, else a warning.

        Args:
            case: An image, slice or tile.
            pixels: (C, H, W), as stored.
        """
        if is_constant(pixels):
            return  # blank images all equal each other, which says nothing about the split
        digest = _digest(pixels)
        if digest in self.first:
            yield _equal(case, *self.first[digest])
        else:
            self.first[digest] = (case.id, case.split)


def _digest(pixels: RawImage) -> bytes:
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype.str}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _equal(case: Case, first: str, split: Split | None) -> Finding:
    if case.split != split:
        return about_image(
            case,
            "error",
            f"the image in '{case.split}' equals that of case '{first}' in '{split}'",
            "Keep one of them, since a test on training images makes the scores too good.",
            check="duplicate_across_splits",
            badness=1.0,
            other=first,
        )
    return about_image(
        case,
        "warning",
        f"the image equals that of case '{first}'",
        "Keep one of them, or put both in one group so that no split divides them.",
        check="duplicate_image",
        badness=0.6,
        other=first,
        fix="drop_duplicate",
    )
