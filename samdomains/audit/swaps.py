"""Masks that belong to another image of the set.

What the rest of the set teaches says where objects are expected in each image
(``PixelModel``). Any two images are compared: where more of an object is expected in the one
than in the other, there its mask should have more, too. The correlation of both differences is
near 1 where masks fit their images, about 0 where masks follow nothing that is seen, and as far
below 0 where two images have each other's masks. The same is asked of edges and borders; of both,
what agrees better in the set counts more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from samdomains.audit.thumbnails import Thumbnail

REFERENCES = 256
"""Other images that each one is compared with, evenly taken from the set."""

MOST_SUSPECTS = 512
"""Images, those whose masks fit worst, of which each is compared with each other."""

LEAST_IMAGES = 6
"""With fewer images chance fits are not told from good ones."""

SWAPPED = -0.4
"""Agreement of two images, as a share of what is usual in the set, from which their masks seem
swapped. Unspoilt pairs of the shared data sets stay above it, but for one picture of roads."""

LEAST_AGREEING = 0.9
"""Share of the pairs, without those that seem swapped, that must agree at all: below it masks
follow nothing that can be learnt."""

LEAST_CORRELATION = 0.1
"""Usual correlation that a measure must have to count."""

MOST_SWAPPED = 0.5
"""Where more masks than this share seem swapped, it is the method that fails."""

LEAST_SHARE = 0.35
"""Of what two images gain by an exchange, the share that each must gain."""

MOST_SPREAD = 1.5
"""Spread of the pairs above the usual agreement up to which that is known: in a handful of images
whose masks follow hardly anything it is above 1.8, in all other sets below 1.4, also where a fifth
of the masks are swapped."""

CERTAIN, CERTAIN_AGREEING, CERTAIN_CORRELATION = -0.6, 0.97, 0.45
"""A pair that disagrees so much, where nearly all others agree, and clearly, is certainly
swapped."""

UNFIT, UNFIT_SPREADS, UNFIT_RANK = 0.55, 4.0, 0.2
"""A mask fits its image no better than those of others if its agreement with the other images is at
most this share of what is usual, so many robust standard deviations below the median of the set,
and this share of their masks would fit its image better. By chance half of the usual agreement is
left, that of the other image."""

HIGH_QUANTILE = 0.84
"""Of a normal distribution, in standard deviations: 80 percent lie below."""

LEAST_SPREAD = 0.05
"""Least spread of the mean agreements that is reckoned with."""

FITTING = 0.3
"""Gain, see ``_Measure.towards``, from which another's mask fits an image whose own does not."""


NO_PATTERN = "masks follow nothing that can be learnt from the other images"


@dataclass(frozen=True, slots=True)
class Stranger:
    """A mask that does not fit its image.

    Attributes:
        place: Of the image in the sequence that was judged.
        partner: Place of the image whose mask fits it; None where none does.
        mutual: Whether the partner wants this image's mask in return.
        certain: Whether there is hardly another explanation.
    """

    place: int
    partner: int | None
    mutual: bool
    certain: bool


@dataclass(frozen=True, slots=True)
class Matching:
    """How well masks fit their images.

    Attributes:
        agreeing: Share of the pairs of images, without those that seem swapped, whose masks differ
            as is expected of them; 0 where it was not judged.
        judged: Number of images with an object.
        reliable: Whether something can be said about this set.
        strangers: The masks that do not fit; none where it is not reliable.
        reason: Why nothing can be said; empty where it is reliable.
    """

    agreeing: float
    judged: int
    reliable: bool
    strangers: tuple[Stranger, ...]
    reason: str


def judge_masks(
    thumbnails: Sequence[Thumbnail | None], expected: Sequence[NDArray[np.float32]]
) -> Matching:
    """Say which masks belong to another image, or to none.

    Args:
        thumbnails: One for each image; None where there is no object.
        expected: (SIDE, SIDE) for each image with an object: the share of any object in each pixel
            that a model of the other images expects.
    """
    places = [place for place, item in enumerate(thumbnails) if item is not None]
    items = [item for item in thumbnails if item is not None]
    if len(items) < LEAST_IMAGES:
        reason = f"{len(items)} images have an object, and {LEAST_IMAGES} are needed"
        return Matching(0.0, len(items), False, (), reason)
    fits = _Fits(items, np.stack(expected))
    if not fits.usable:
        return Matching(0.0, len(items), False, (), f"{NO_PATTERN}, nor any edges")
    found = _strangers(fits, items)
    others = np.delete(np.arange(len(items)), [item.place for item in found])
    agreeing = fits.agreeing(others) if len(others) else 0.0
    reason = ""
    if len(found) > MOST_SWAPPED * len(items):
        reason = f"the masks of {len(found)} of {len(items)} images seem swapped, which is too many"
    elif fits.spread > MOST_SPREAD:
        reason = f"{NO_PATTERN}: how well they agree with what is seen differs too much"
    elif agreeing < LEAST_AGREEING:
        reason = (
            f"{NO_PATTERN}: of the pairs of images, {agreeing:.0%} differ as their masks do, and "
            f"{LEAST_AGREEING:.0%} are needed"
        )
    if reason:
        return Matching(agreeing, len(items), False, (), reason)
    sure = agreeing >= CERTAIN_AGREEING and fits.correlation >= CERTAIN_CORRELATION
    named = tuple(
        replace(
            item,
            place=places[item.place],
            partner=None if item.partner is None else places[item.partner],
            certain=item.certain and sure,
        )
        for item in found
    )
    return Matching(agreeing, len(items), True, named, reason)


class _Measure:
    """What is seen in each image, and what is drawn in its mask, as rows to be compared.

    Attributes:
        own: (N,): product of what is seen and drawn of each image.
    """

    def __init__(self, seen: NDArray[np.float32], drawn: NDArray[np.float32]) -> None:
        self.seen, self.drawn = (rows.reshape(len(rows), -1) for rows in (seen, drawn))
        self.own = np.einsum("ij,ij->i", self.seen, self.drawn)
        self._middle = self.seen.mean(axis=0)

    def agreement(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """(A, B): correlation of what differs in the images and in their masks; 0 of a pair alike.

        Not centred: the images have the same pixels, and the mean says how large objects are.
        """
        seen, drawn = self.seen, self.drawn
        crossed = seen[a] @ drawn[b].T + drawn[a] @ seen[b].T
        gain = self.own[a][:, None] + self.own[b] - crossed
        return _per_length(gain, _distances(seen[a], seen[b]) * _distances(drawn[a], drawn[b]))

    def towards(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """(A, B): how much better the mask of b fits image a than its own, from -1 to 1."""
        apart = self.seen[a] - self._middle
        gain = apart @ self.drawn[b].T - np.einsum("ij,ij->i", apart, self.drawn[a])[:, None]
        lengths = np.linalg.norm(apart, axis=1)[:, None]
        return _per_length(gain, lengths * _distances(self.drawn[a], self.drawn[b]))


class _Fits:
    """All measures together, 1 for what is usual in the set.

    Attributes:
        usable: Whether any measure agrees with the masks of this set.
        correlation: The usual one of the measures.
        spread: Of the agreement above the usual one, in robust standard deviations: swapped masks,
            which lie below, hardly matter.
        mean: (N,): mean agreement of each image with the references.
    """

    def __init__(self, items: Sequence[Thumbnail], expected: NDArray[np.float32]) -> None:
        inside = np.stack([item.inside for item in items]).astype(np.float32)
        inside /= 255
        gradient = _unit(np.stack([item.gradient for item in items]))
        border = _unit(np.stack([item.border for item in items]))
        everyone = np.arange(len(items))
        step = np.linspace(0, len(items) - 1, min(len(items), REFERENCES))
        self._reference = np.unique(step.astype(np.intp))
        self._weighted = []
        total, squares = 0.0, 0.0
        for measure in (_Measure(expected, inside), _Measure(gradient, border)):
            agreement = measure.agreement(everyone, self._reference)
            others = agreement[everyone[:, None] != self._reference]
            middle = float(np.median(others))
            spread = 1.4826 * float(np.median(np.abs(others - middle)))
            if middle >= LEAST_CORRELATION:
                weight = middle / max(spread, 0.02) ** 2
                self._weighted.append((measure, weight))
                total += weight * middle
                squares += weight * middle**2
        self._weighted = [(measure, weight / total) for measure, weight in self._weighted]
        self.usable = bool(self._weighted)
        self.correlation = squares / total if self.usable else 0.0
        self._pairs = self.agreement(everyone, self._reference)
        self._other = everyone[:, None] != self._reference
        middle, high = np.quantile(self._pairs[self._other], (0.5, 0.8))
        self.spread = float(high - middle) / HIGH_QUANTILE
        self.mean = (self._pairs * self._other).sum(axis=1) / self._other.sum(axis=1)

    def agreement(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """(A, B), see ``_Measure.agreement``."""
        total = np.zeros((len(a), len(b)))
        for measure, weight in self._weighted:
            total += weight * measure.agreement(a, b)
        return total

    def towards(self, a: NDArray[np.intp], b: NDArray[np.intp]) -> NDArray[np.float64]:
        """(A, B), see ``_Measure.towards``."""
        total = np.zeros((len(a), len(b)))
        for measure, weight in self._weighted:
            total += weight * measure.towards(a, b)
        return total

    def rank(self, place: int) -> float:
        """Share of the masks of the references that fit an image better than its own."""
        gains = self.towards(np.array([place]), self._reference)[0]
        return float(np.mean(gains[self._other[place]] > 0))

    def agreeing(self, places: NDArray[np.intp]) -> float:
        """Share of the pairs among some images that agree."""
        both = self._other & np.isin(self._reference, places)
        return float(np.mean(self._pairs[places][both[places]] > 0)) if both[places].any() else 0.0


def _strangers(fits: _Fits, items: Sequence[Thumbnail]) -> list[Stranger]:
    """Pairs that disagree most come first; none of their images is in another pair."""
    suspects = np.sort(np.argsort(fits.mean, kind="stable")[:MOST_SUSPECTS])
    pairs = fits.agreement(suspects, suspects)
    sizes = [items[int(place)].size for place in suspects]
    same = np.array([[a == b for b in sizes] for a in sizes], dtype=bool)
    np.fill_diagonal(same, False)
    pairs = np.where(same, pairs, np.inf)
    gains = np.where(same, fits.towards(suspects, suspects), -np.inf)
    found: dict[int, Stranger] = {}
    while pairs.size and pairs.min() <= SWAPPED:
        row, column = (int(place) for place in np.unravel_index(pairs.argmin(), pairs.shape))
        certain = bool(pairs[row, column] <= CERTAIN)
        there, back = float(gains[row, column]), float(gains[column, row])
        mutual = min(there, back) >= LEAST_SHARE * (there + back)
        for one, other in ((row, column), (column, row)):
            partner = other if mutual else int(gains[one].argmax())
            place = int(suspects[one])
            found[place] = Stranger(place, int(suspects[partner]), mutual, certain and mutual)
        pairs[[row, column]] = pairs[:, [row, column]] = np.inf
    return [*found.values(), *_unfit(fits, found)]


def _unfit(fits: _Fits, found: Mapping[int, Stranger]) -> list[Stranger]:
    """Masks that fit no better than those of others, with the mask of a stranger if that fits."""
    middle = float(np.median(fits.mean))
    spread = max(1.4826 * float(np.median(np.abs(fits.mean - middle))), LEAST_SPREAD)
    limit = min(UNFIT * middle, middle - UNFIT_SPREADS * spread)
    low = [int(place) for place in np.flatnonzero(fits.mean <= limit) if place not in found]
    unfit = [place for place in low if fits.rank(place) >= UNFIT_RANK]
    strangers = np.array(sorted(found), dtype=np.intp)
    result = []
    for place in unfit:
        gains = fits.towards(np.array([place]), strangers)[0]
        fitting = gains.size > 0 and float(gains.max()) >= FITTING
        partner = int(strangers[gains.argmax()]) if fitting else None
        result.append(Stranger(place, partner, mutual=False, certain=False))
    return result


def _unit(maps: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, SIDE * SIDE): rows of mean 0 and length 1; those without contrast are 0."""
    rows = maps.reshape(len(maps), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def _distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A, B): Euclidean."""
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * a @ b.T
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squares, 0))
    return distances


def _per_length(gain: NDArray[np.float32], length: NDArray[np.float32]) -> NDArray[np.float64]:
    """A product per length of both factors; 0 where one of them is next to nothing."""
    enough = length > 1e-4
    return np.where(enough, gain / np.where(enough, length, 1), 0.0).astype(np.float64)
