"""Images that show the same: exported again, brightened, turned, mirrored, cut a little.

A perceptual hash of 64 bits finds the pairs worth a look; the correlation of their details decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from samdomains.audit.looks import Look, reduced

SIDE = 64
"""Side in pixels of the thumbnails whose details are compared."""

HASHED_SIDE, HASH_SIDE = 32, 8
"""The hash is of the lowest 8 by 8 frequencies of a thumbnail of 32 by 32, as pHash has it."""

MOST_BITS = 12
"""Different bits of 64 up to which a pair is looked at. Copies that were compressed, brightened or
turned differ in 10 at most; two images of one kind in 16 and more, in even sets in 6 and more."""

DETAIL = 6.0
"""Standard deviation, in pixels of the thumbnail, of what is taken off as background: images of one
camera share their lighting."""

SAME = 0.93
"""Correlation of details from which two images are the same. Copies reach 0.94 to 1 on the shared
data sets, the most alike of different images 0.84 (smears with one cell in the middle)."""

RELATED, RELATED_SPREADS = 0.6, 12.0
"""Correlation from which two images show the same scene, if that is also so many standard
deviations above the median of the set. Cut by 2 percent at each side, copies have 0.5 to 0.9."""

LEAST_CONTRAST = 1e-3
"""Standard deviation of the details below which there is nothing to compare."""

_SAMPLE = 4000  # pairs that say what is usual in the set
_BLOCK = 512  # images that are compared with all others at once


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is kept of an image to find its copies: 4 kB.

    Attributes:
        thumbnail: (SIDE, SIDE) uint8, the mean of its channels.
    """

    thumbnail: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that show the same.

    Attributes:
        place: Of the later image in the sequence that was looked at.
        first: Place of the earlier one.
        correlation: Of their details, in the position that fits best.
        same: Whether they are the same picture; otherwise they show the same scene.
        turned: Whether one is a turned or mirrored other.
    """

    place: int
    first: int
    correlation: float
    same: bool
    turned: bool


def fingerprint(look: Look) -> Fingerprint | None:
    """Keep what is needed to find copies; None where the image shows nothing.

    Args:
        look: The image.
    """
    small = reduced(np.clip(look.channels.mean(axis=0), 0, 1), SIDE)
    if _details(small).std() < LEAST_CONTRAST:
        return None
    return Fingerprint(np.rint(255 * small).astype(np.uint8))


def find_pairs(prints: Sequence[Fingerprint | None], groups: Sequence[str]) -> Iterator[Pair]:
    """For each image the earlier one, of another group, that shows the same, if there is one.

    Args:
        prints: One for each image; None where it shows nothing.
        groups: Patient, scene or slide of each: within one, images resemble each other by nature.

    Yields:
        At most one pair for each image, by its place.

    Reference:
        Zauner 2010, "Implementation and benchmarking of perceptual image hash functions".
    """
    places = np.array([place for place, item in enumerate(prints) if item is not None], np.intp)
    small = [item.thumbnail.astype(np.float32) for item in prints if item is not None]
    if len(small) < 2:
        return
    usual = _usual(small)
    numbers = np.unique(np.asarray(groups)[places], return_inverse=True)[1]
    best: dict[int, Pair] = {}
    for later, earlier, turn in _candidates(small, numbers):
        alike = _correlation(_turned(small[later], turn), small[earlier])
        pair = Pair(int(places[later]), int(places[earlier]), alike, alike >= SAME, bool(turn))
        if alike >= min(SAME, usual) and alike > getattr(best.get(later), "correlation", 0.0):
            best[later] = pair
    yield from (best[later] for later in sorted(best))


def _candidates(
    small: Sequence[NDArray[np.float32]], groups: NDArray[np.intp]
) -> Iterator[tuple[int, int, int]]:
    """Later image, earlier one and turn of the later, where their hashes are close."""
    hashes = np.stack([_hash(item) for item in small])
    for turn in range(8):
        turned = np.stack([_hash(_turned(item, turn)) for item in small])
        for start in range(0, len(small), _BLOCK):
            # Of +1 and -1, 64 bits of which d differ have the product 64 - 2d.
            close = turned[start : start + _BLOCK] @ hashes.T >= hashes.shape[1] - 2 * MOST_BITS
            for row, earlier in zip(*np.nonzero(close), strict=True):
                later = start + int(row)
                if earlier < later and groups[earlier] != groups[later]:
                    yield later, int(earlier), turn


def _usual(small: Sequence[NDArray[np.float32]]) -> float:
    """Correlation from which a pair is out of the usual in its set."""
    random = np.random.default_rng(0)
    pairs = random.integers(0, len(small), (min(_SAMPLE, 4 * len(small)), 2))
    alike = [_correlation(small[a], small[b]) for a, b in pairs if a != b]
    middle = float(np.median(alike)) if alike else 0.0
    spread = 1.4826 * float(np.median(np.abs(np.array(alike) - middle))) if alike else 0.0
    return max(RELATED, middle + RELATED_SPREADS * spread)


def _hash(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """(64,): +1 or -1 for each of the lowest frequencies, above or below their median."""
    step = SIDE // HASHED_SIDE
    tiny = small.reshape(HASHED_SIDE, step, HASHED_SIDE, step).mean(axis=(1, 3))
    low = fft.dctn(tiny, norm="ortho")[:HASH_SIDE, :HASH_SIDE].ravel()
    middle = np.median(low[1:])
    low[0] = middle  # brightness says nothing
    return np.where(low > middle, 1.0, -1.0).astype(np.float32)


def _turned(small: NDArray[np.float32], turn: int) -> NDArray[np.float32]:
    """One of the eight positions of a square: quarter turns, and the same of its mirror image."""
    upright = np.rot90(small, turn % 4)
    return upright if turn < 4 else upright[:, ::-1]


def _details(small: NDArray[np.float32]) -> NDArray[np.float32]:
    details: NDArray[np.float32] = small - ndimage.gaussian_filter(small, DETAIL)
    return details


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.corrcoef(_details(a).ravel(), _details(b).ravel())[0, 1])
