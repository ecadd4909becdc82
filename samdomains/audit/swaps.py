"""Masks that belong to another image of the set.

Each image is compared with its own mask and with those of others, on thumbnails, in three ways:
does the mask cover what looks like the set's objects, does its border follow the image's gradient,
and does it divide the image into parts of different brightness or colour? A mask that fits no
better than those of other images, while most masks of the set fit their images best, was swapped,
and among the masks that do not fit there is one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.audit.looks import Look, reduced
from samdomains.types import Size

SIDE = 64
"""Side of a thumbnail in pixels: 25 kB for an image and its mask."""

REFERENCES = 256
"""Other masks that each image is compared with, evenly taken from the set."""

LEAST_IMAGES = 6
"""With fewer images chance fits are not told from good ones."""

LEAST_BEST = 0.7
"""Share of the images, without those of pairs that want to exchange, whose own mask must fit better
than those of others. On the shared data sets it is 0.72 to 1 where masks follow what is seen, and
below 0.6 for slices of CT, tiny targets, heat and defects without contrast."""

CHANCE = 1.2
"""Fit up to which a mask may be another image's, in standard deviations of the fits of others."""

CHANCE_SHARE = 0.5
"""The same, as a share of the median fit of own masks, where that is more: objects in the middle of
every image fit each other's images somewhat."""

LEAST_PAIR_GAIN = 3.0
"""What two images gain, together, when they exchange masks; unspoilt pairs stay below 1.5."""

LEAST_GAIN = 2.5
"""What one image must gain with another's mask where that one does not want its mask in return."""

MOST_SWAPPED = 0.5
"""Where more masks than this share seem swapped, it is the method that fails."""

CERTAIN_BEST, CERTAIN_PAIR_GAIN = 0.9, 5.0
"""A pair that gains so much, where own masks nearly always fit best, is certainly swapped."""

UNFIT_BEST, UNFIT_RANK = 0.9, 0.2
"""In a set where own masks nearly always fit best, one that is beaten by this share of the masks of
others is no mask of the image."""

_Places: TypeAlias = NDArray[np.intp]
_Measure: TypeAlias = Callable[[_Places, _Places], NDArray[np.float64]]

_MOST_RATIO = 6.0  # log-likelihood ratio of a pixel; beyond it a normal distribution says too much
_CONTEXT = 2.0  # standard deviation, in pixels of the thumbnail, of what surrounds a pixel


@dataclass(frozen=True, slots=True, eq=False)
class Thumbnail:
    """An image and its masks at a size at which thousands can be kept.

    Attributes:
        channels: (3, SIDE, SIDE) uint8; a single channel is repeated.
        gradient: (SIDE, SIDE) uint8.
        inside: (SIDE, SIDE) uint8: 255 where all pixels belong to an object.
        border: (SIDE, SIDE) uint8: the share of pixels on a border.
        size: (H, W) of the image; only images of one size can have swapped masks.
    """

    channels: NDArray[np.uint8]
    gradient: NDArray[np.uint8]
    inside: NDArray[np.uint8]
    border: NDArray[np.uint8]
    size: Size


@dataclass(frozen=True, slots=True)
class Stranger:
    """A mask that does not fit its image.

    Attributes:
        place: Of the image in the sequence that was judged.
        partner: Place of the image whose mask fits it; None where none does.
        mutual: Whether the partner wants this image's mask in return.
        certain: Whether there is hardly another explanation.
        gain: What the exchange gains, in standard deviations of chance fits; of no partner, 0.
    """

    place: int
    partner: int | None
    mutual: bool
    certain: bool
    gain: float


@dataclass(frozen=True, slots=True)
class Matching:
    """How well masks fit their images.

    Attributes:
        best: Share of the images whose own mask fits better than those of others.
        judged: Number of images with an object.
        reliable: Whether something can be said about this set.
        strangers: The masks that do not fit; none where it is not reliable.
    """

    best: float
    judged: int
    reliable: bool
    strangers: tuple[Stranger, ...]


def make_thumbnail(look: Look) -> Thumbnail | None:
    """Reduce an image and its masks; None where there is no object.

    Args:
        look: The image and its masks.
    """
    inside = look.labels > 0
    if not inside.any():
        return None
    border = np.zeros(inside.shape, dtype=np.float32)
    border[:, :-1] = look.labels[:, :-1] != look.labels[:, 1:]
    border[:-1] = np.maximum(border[:-1], look.labels[:-1] != look.labels[1:])
    channels = np.stack([reduced(np.clip(channel, 0, 1), SIDE) for channel in look.channels])
    channels = channels[[0, 0, 0]] if len(channels) == 1 else channels
    gradient = look.gradient.max(axis=0)
    strongest = max(float(gradient.max()), 1e-6)
    return Thumbnail(
        channels=_in_bytes(channels),
        gradient=_in_bytes(reduced(gradient / strongest, SIDE)),
        inside=_in_bytes(reduced(inside.astype(np.float32), SIDE)),
        border=_in_bytes(reduced(border, SIDE)),
        size=look.size,
    )


def judge_masks(thumbnails: Sequence[Thumbnail | None]) -> Matching:
    """Say which masks belong to another image, or to none.

    Args:
        thumbnails: One for each image; None where there is no object.
    """
    places = [place for place, item in enumerate(thumbnails) if item is not None]
    items = [item for item in thumbnails if item is not None]
    if len(items) < LEAST_IMAGES:
        return Matching(0.0, len(items), False, ())
    fits = _Fits(items)
    # Swapped masks fit badly in the best of sets, so they say nothing about the set.
    swapped = [item.place for item in _strangers(fits, 0.0) if item.gain >= LEAST_PAIR_GAIN]
    best = float(np.mean(np.delete(fits.rank, swapped) == 0)) if len(swapped) < len(items) else 0.0
    if best < LEAST_BEST or len(swapped) > MOST_SWAPPED * len(items):
        return Matching(best, len(items), False, ())
    found = _strangers(fits, best)
    named = [
        Stranger(
            places[item.place],
            None if item.partner is None else places[item.partner],
            item.mutual,
            item.certain,
            item.gain,
        )
        for item in found
    ]
    return Matching(best, len(items), True, tuple(named))


class _Fits:
    """Fits of masks to images, in standard deviations of the fits to images of others.

    Attributes:
        own: (N,): of each image's own mask.
        rank: (N,): share of the masks of others that fit an image better than its own.
    """

    def __init__(self, items: Sequence[Thumbnail]) -> None:
        self.items = items
        count = len(items)
        self._maps = _Maps(items)
        reference = np.unique(np.linspace(0, count - 1, min(count, REFERENCES)).astype(np.intp))
        everyone = np.arange(count)
        self._centres = []
        for measure in self._maps.measures():
            of_images = measure(everyone, reference)
            of_masks = measure(reference, everyone)
            stranger = everyone[:, None] != reference
            rows, columns = of_images.mean(axis=1), of_masks.mean(axis=0)
            middle = float(of_images.mean())
            centred = of_images - rows[:, None] - columns[reference] + middle
            spread = max(float(centred[stranger].std()), 1e-6)
            self._centres.append((rows, columns, middle, spread))
        others = self.between(everyone, reference)
        self.own = np.array([self.between(np.array([i]), np.array([i]))[0, 0] for i in everyone])
        better = (others >= self.own[:, None]) & (everyone[:, None] != reference)
        self.rank = better.mean(axis=1)

    def between(self, images: NDArray[np.intp], masks: NDArray[np.intp]) -> NDArray[np.float64]:
        """(N, M): how well each mask fits each image, the mean of the three measures."""
        total = np.zeros((len(images), len(masks)))
        for measure, (rows, columns, middle, spread) in zip(
            self._maps.measures(), self._centres, strict=True
        ):
            fits = measure(images, masks) - rows[images][:, None] - columns[masks] + middle
            total += fits / spread
        return total / len(self._centres)


class _Maps:
    """Thumbnails as rows of length 1 around 0, so that their products are correlations."""

    def __init__(self, items: Sequence[Thumbnail]) -> None:
        images = np.stack([item.channels for item in items])
        self._inside = _unit(np.stack([item.inside for item in items]))
        self._border = _unit(np.stack([item.border for item in items]))
        self._gradient = _unit(np.stack([item.gradient for item in items]))
        self._channels = [_unit(images[:, channel]) for channel in range(3)]
        self._alike = _unit(_likeness(items))

    def measures(self) -> tuple[_Measure, ...]:
        return self._appearance, self._edges, self._contrast

    def _appearance(self, images: _Places, masks: _Places) -> NDArray[np.float64]:
        return _correlation(self._alike[images], self._inside[masks])

    def _edges(self, images: _Places, masks: _Places) -> NDArray[np.float64]:
        return _correlation(self._gradient[images], self._border[masks])

    def _contrast(self, images: _Places, masks: _Places) -> NDArray[np.float64]:
        """Either sign: objects may be brighter or darker than what is around them."""
        of_channels = [
            np.abs(_correlation(channel[images], self._inside[masks])) for channel in self._channels
        ]
        strongest: NDArray[np.float64] = np.max(of_channels, axis=0)
        return strongest


def _strangers(fits: _Fits, best: float) -> list[Stranger]:
    """Masks at chance level, each with the best of the other masks at chance level."""
    suspects = np.flatnonzero(fits.own <= max(CHANCE, CHANCE_SHARE * float(np.median(fits.own))))
    gains = fits.between(suspects, suspects) - fits.own[suspects][:, None]
    sizes = [fits.items[int(i)].size for i in suspects]
    other = np.array([[a == b for b in sizes] for a in sizes], dtype=bool).reshape(gains.shape)
    np.fill_diagonal(other, False)
    gains = np.where(other, gains, -np.inf)
    found = []
    for row, place in enumerate(suspects):
        column = int(gains[row].argmax())
        gain, in_return = float(gains[row, column]), float(gains[column, row])
        together = gain + in_return
        if min(gain, in_return) > 0 and together >= LEAST_PAIR_GAIN:
            mutual = int(gains[column].argmax()) == row
            certain = mutual and best >= CERTAIN_BEST and together >= CERTAIN_PAIR_GAIN
            found.append(Stranger(int(place), int(suspects[column]), mutual, certain, together))
        elif gain >= LEAST_GAIN:
            found.append(Stranger(int(place), int(suspects[column]), False, False, gain))
        elif best >= UNFIT_BEST and fits.rank[place] >= UNFIT_RANK:
            found.append(Stranger(int(place), None, False, False, 0.0))
    return found


def _likeness(items: Sequence[Thumbnail]) -> NDArray[np.float32]:
    """(N, SIDE, SIDE): how much more each pixel looks like the set's objects than like the rest.

    Objects and background are a normal distribution each, of colour, colour around, and gradient.
    """
    moments = [_Moments(), _Moments()]
    for item in items:
        seen = _appearance(item)
        share = item.inside.ravel() / 255.0
        moments[0].add(seen, share)
        moments[1].add(seen, 1.0 - share)
    alike = np.empty((len(items), SIDE, SIDE), dtype=np.float32)
    for place, item in enumerate(items):
        seen = _appearance(item)
        ratio = moments[0].log_density(seen) - moments[1].log_density(seen)
        alike[place] = np.clip(ratio, -_MOST_RATIO, _MOST_RATIO).reshape(SIDE, SIDE)
    return alike


def _appearance(item: Thumbnail) -> NDArray[np.float64]:
    """(SIDE * SIDE, 7): colour, colour around, gradient of each pixel."""
    colour = item.channels / 255.0
    around = ndimage.gaussian_filter(colour, (0, _CONTEXT, _CONTEXT))
    stacked = np.concatenate([colour, around, item.gradient[None] / 255.0])
    return stacked.reshape(len(stacked), -1).T


class _Moments:
    """Weighted mean and covariance of what was added."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._sum = np.zeros(7)
        self._squares = np.zeros((7, 7))

    def add(self, values: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Take in (N, 7) values with their weights."""
        weighted = values * weights[:, None]
        self._weight += float(weights.sum())
        self._sum += weighted.sum(axis=0)
        self._squares += weighted.T @ values

    def log_density(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,): of a normal distribution, up to a constant."""
        weight = max(self._weight, 1e-6)
        mean = self._sum / weight
        # A hundredth of the range keeps grey images, whose channels are all alike, invertible.
        covariance = self._squares / weight - np.outer(mean, mean) + 1e-4 * np.eye(len(mean))
        apart = values - mean
        distance = ((apart @ np.linalg.inv(covariance)) * apart).sum(axis=1)
        density: NDArray[np.float64] = -0.5 * (distance + np.linalg.slogdet(covariance)[1])
        return density


def _in_bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.round(values * 255).astype(np.uint8)


def _unit(maps: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, SIDE * SIDE): rows of mean 0 and length 1; those without contrast are 0."""
    rows = maps.reshape(len(maps), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return rows


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    return (a @ b.T).astype(np.float64)
