"""Generated clips of moving, textured objects, with the mask of each in every frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from samdomains.plugin import Mask, Size

HIDDEN_BY = 1.5
"""Radius of an occluder over that of the largest object, so that it hides each for some frames."""


TRAVEL, ALL_THE_WAY = 0.4, 0.66
"""How far objects move in a clip, as shares of the width: without an occluder, and past one."""

EDGE = 0.14
"""How near to the left and right end of the picture their middles come, as a share of the width."""


@dataclass(frozen=True, slots=True)
class Motion:
    """What happens in a clip.

    Attributes:
        size: (H, W) of the frames, at least 48 x 64.
        frames: Number of frames.
        objects: Objects that move, each in a lane of its own, from 1 to 4.
        growth: How much larger or smaller an object is in the end, at least 1; every other one
            shrinks.
        occlusion: Whether another object stands in the middle of the way, over the whole height,
            behind which all others pass and are gone for a while.
    """

    size: Size = (96, 128)
    frames: int = 12
    objects: int = 2
    growth: float = 1.0
    occlusion: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedClip:
    """A clip with its truth.

    Attributes:
        frames: (T, H, W, 3), RGB.
        labels: (T, H, W): 0 is background, every other value one object, where it is visible. The
            occluder has the highest value.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.uint8]


def make_clip(rng: np.random.Generator, motion: Motion) -> AnnotatedClip:
    """Draw one clip.

    Args:
        rng: The only source of randomness.
        motion: What happens in it.
    """
    ground = _ground(rng, motion.size)
    things = [_Thing.draw(rng, motion, lane) for lane in range(motion.objects)]
    post = _Post.draw(rng, motion, max(thing.largest for thing in things))
    frames, labels = [], []
    for share in np.linspace(0, 1, motion.frames):
        picture, label = ground.copy(), np.zeros(motion.size, dtype=np.uint8)
        for value, thing in enumerate(things, start=1):
            inside, colour = thing.at(share, motion.size)
            picture[inside], label[inside] = colour[inside], value
        if motion.occlusion:
            inside, colour = post.at(motion.size)
            picture[inside], label[inside] = colour[inside], motion.objects + 1
        seen = ndimage.gaussian_filter(picture, (0.6, 0.6, 0)) + rng.normal(0, 4, picture.shape)
        frames.append(np.clip(np.rint(seen), 0, 255).astype(np.uint8))
        labels.append(label)
    return AnnotatedClip(np.stack(frames), np.stack(labels))


@dataclass(frozen=True, slots=True, eq=False)
class _Thing:
    """An object with a wavy outline that crosses the picture, turning a little.

    Attributes:
        start: (y, x) in the first frame.
        end: (y, x) in the last.
        radius: Mean radius in the first frame.
        growth: Its scale in the last frame.
        turn: Angle by which it turns, in radians.
        waves: (2, 3): height and phase of the waves of its outline.
        skin: Its texture.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float
    growth: float
    turn: float
    waves: NDArray[np.float64]
    skin: _Skin

    @classmethod
    def draw(cls, rng: np.random.Generator, motion: Motion, lane: int) -> _Thing:
        height, width = motion.size
        high = height / motion.objects
        growth = motion.growth if lane % 2 == 0 else 1 / motion.growth
        # The largest that it ever gets fills its lane.
        radius = rng.uniform(0.26, 0.34) * min(high, width / 3) / max(1.0, growth)
        y = high * (lane + 0.5) + rng.uniform(-0.06, 0.06, 2) * high
        travel = ALL_THE_WAY if motion.occlusion else TRAVEL
        left = rng.uniform(EDGE, 1 - EDGE - travel)
        x = np.array([left, left + travel])[:: rng.choice([-1, 1])] * width
        return cls(
            start=np.array([y[0], x[0]]),
            end=np.array([y[1], x[1]]),
            radius=radius,
            growth=growth,
            turn=rng.uniform(-0.8, 0.8),
            waves=np.stack([rng.uniform(0, 0.1, 3), rng.uniform(0, 2 * np.pi, 3)]),
            skin=_Skin.draw(rng),
        )

    @property
    def largest(self) -> float:
        """Its largest radius in any frame, waves included."""
        return self.radius * max(1.0, self.growth) * (1 + float(self.waves[0].sum()))

    def at(self, share: float, size: Size) -> tuple[Mask, NDArray[np.float64]]:
        """Where it is, (H, W), and its colours, (H, W, 3), after a share of the clip."""
        middle, scale = self.start + share * (self.end - self.start), self.growth**share
        y, x = np.indices(size) - middle[:, None, None]
        angle = share * self.turn
        along = (x * np.cos(angle) + y * np.sin(angle)) / scale
        across = (y * np.cos(angle) - x * np.sin(angle)) / scale
        around = np.arctan2(across, along)
        outline = self.radius * (
            1
            + sum(
                wave * np.cos(order * around + phase)
                for order, wave, phase in zip((2, 3, 5), *self.waves, strict=True)
            )
        )
        inside: Mask = np.hypot(along, across) <= outline
        return inside, self.skin.colours(across, along)


@dataclass(frozen=True, slots=True, eq=False)
class _Post:
    """A post from the lower to the upper end of the picture, wide enough to hide every object."""

    middle: float
    half: float
    skin: _Skin

    @classmethod
    def draw(cls, rng: np.random.Generator, motion: Motion, largest: float) -> _Post:
        width = motion.size[1]
        return cls(width * rng.uniform(0.48, 0.52), HIDDEN_BY * largest, _Skin.draw(rng))

    def at(self, size: Size) -> tuple[Mask, NDArray[np.float64]]:
        y, x = np.indices(size).astype(np.float64)
        inside: Mask = np.abs(x - self.middle) <= self.half
        return inside, self.skin.colours(y, x - self.middle)


@dataclass(frozen=True, slots=True, eq=False)
class _Skin:
    """A colour with a pattern that moves with its object.

    Attributes:
        colour: (3,), RGB.
        patterns: (3, 4): of three waves the frequency down and across, phase and height.
    """

    colour: NDArray[np.float64]
    patterns: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> _Skin:
        bright = rng.permutation([230.0, rng.uniform(20, 230), 30.0])
        frequency = rng.uniform(0.2, 0.7, (3, 2)) * rng.choice([-1, 1], (3, 2))
        phase, height = rng.uniform(0, 2 * np.pi, (3, 1)), rng.uniform(6, 14, (3, 1))
        return cls(bright, np.concatenate([frequency, phase, height], axis=1))

    def colours(
        self, across: NDArray[np.float64], along: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(H, W, 3) at places in the object's own frame."""
        shade = sum(
            height * np.sin(down * across + right * along + phase)
            for down, right, phase, height in self.patterns
        )
        colours: NDArray[np.float64] = self.colour + np.asarray(shade)[..., None]
        return colours


def _ground(rng: np.random.Generator, size: Size) -> NDArray[np.float64]:
    """(H, W, 3): a dull, blotched background."""
    blotches = ndimage.gaussian_filter(rng.normal(size=(*size, 3)), (5, 5, 0), mode="reflect")
    fine = ndimage.gaussian_filter(rng.normal(size=(*size, 1)), (1, 1, 0), mode="reflect")
    coarse = 22 * blotches / blotches.std() + 8 * fine / fine.std()
    ground: NDArray[np.float64] = rng.uniform(90, 150) + coarse
    return ground
