"""Coloured discs that pass behind a post, and a segmenter that answers by colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from samdomains.intensity import FixedRange
from samdomains.prompts.boxes import box_of
from samdomains.recipe import PropagationRecipe
from samdomains.types import Case, Image, Mask, Prediction, Prompts
from samdomains.volumes.appearance import Appearance
from samdomains.volumes.following import OpenVolume
from samdomains.volumes.reappearance import Trail, by_slice, places
from samdomains.volumes.sections import Section
from samdomains.volumes.stopping import contrast, relative

SIZE = (48, 96)
FRAMES = 12
RED, BLUE, GREEN, GROUND = (230, 40, 40), (40, 40, 230), (30, 200, 60), (120, 120, 120)
POST = slice(32, 58)

Way = Sequence[tuple[float, float] | None]
"""(y, x) of a disc in each frame; None where there is none."""

ACROSS: Way = [(24, 12 + 6 * frame) for frame in range(FRAMES)]
"""Hidden as a whole in the frames 5 and 6."""

STOPS: Way = [(24, min(12 + 6 * frame, 45)) for frame in range(FRAMES)]
"""Goes behind the post and stays there."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames (3, T, H, W), and the truth of each disc (T, H, W)."""

    pixels: NDArray[np.uint8]
    truth: Sequence[NDArray[np.bool_]]

    def __call__(self) -> NDArray[np.uint8]:
        return self.pixels

    def opened(self, **values: object) -> OpenVolume:
        case = Case(
            id="clip",
            group="clip",
            read_pixels=self,
            read_objects=None,
            classes={1: "object"},
            files=(Path("clip.mp4"),),
            depth=self.pixels.shape[1],
        )
        recipe = PropagationRecipe.model_validate({"patience": 30, **values})
        return OpenVolume.of(case, ByColour(), FixedRange(0, 255), recipe)

    def prompt(self, disc: int, *frames: int) -> dict[int, Prompts]:
        return {f: Prompts(box=box_of(self.truth[disc][f]), source="user") for f in frames}


@dataclass(frozen=True)
class ByColour:
    """Calls the object what has, inside the box, the colour of its middle."""

    def encode(self, image: Image) -> Coloured:
        return Coloured(image)


@dataclass(frozen=True, eq=False)
class Coloured:
    image: Image

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        assert not multimask
        return [self._predict(prompt) for prompt in prompts]

    def _predict(self, prompt: Prompts) -> Prediction:
        assert prompt.box is not None
        x0, y0, x1, y1 = (int(side) for side in prompt.box)
        part = self.image[:, y0:y1, x0:x1]
        middle = part[:, (y1 - y0) // 2, (x1 - x0) // 2]
        mask = np.zeros(self.image.shape[1:], dtype=bool)
        mask[y0:y1, x0:x1] = np.abs(part - middle[:, None, None]).sum(axis=0) < 0.2
        return Prediction(
            logits=np.where(mask, 4, -4).astype(np.float32),
            origin=(0, 0),
            image_size=SIZE,
            low_resolution=np.zeros((0, 0), dtype=np.float32),
            predicted_iou=0.9,
        )


def clip_of(*discs: tuple[tuple[int, int, int], Way], post: bool = True) -> Clip:
    frames, truth = [], [np.zeros((FRAMES, *SIZE), dtype=bool) for _ in discs]
    y, x = np.indices(SIZE)
    for frame in range(FRAMES):
        picture = np.empty((*SIZE, 3), dtype=np.uint8)
        picture[:] = GROUND
        for number, (colour, way) in enumerate(discs):
            place = way[frame]
            if place is not None:
                inside = (y - place[0]) ** 2 + (x - place[1]) ** 2 <= 64
                picture[inside], truth[number][frame] = colour, inside
        if post:
            picture[:, POST] = GREEN
            for mask in truth:
                mask[frame, :, POST] = False
        frames.append(np.moveaxis(picture, 2, 0))
    return Clip(np.stack(frames, axis=1), truth)


def shown(mask: NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(mask.any(axis=(1, 2))).tolist()


def agree(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(found & truth) / np.count_nonzero(found | truth))


@pytest.mark.parametrize("prompted", [0, FRAMES - 1])
def test_what_was_hidden_is_found_again_in_either_direction(prompted: int) -> None:
    clip = clip_of((RED, ACROSS))
    found = clip.opened().follow(clip.prompt(0, prompted)).mask()
    assert agree(found, clip.truth[0]) > 0.85
    hidden = [frame for frame in range(FRAMES) if not clip.truth[0][frame].any()]
    assert hidden
    assert not found[hidden].any()


def test_without_patience_the_first_end_is_the_last() -> None:
    clip = clip_of((RED, ACROSS))
    found = clip.opened(patience=0).follow(clip.prompt(0, 0)).mask()
    assert max(shown(found)) < min(f for f in range(FRAMES) if not clip.truth[0][f].any())


def test_it_is_looked_for_no_longer_than_its_patience() -> None:
    way: Way = [(24, 20)] * 3 + [None] * 6 + [(24, 20)] * 3
    clip = clip_of((RED, way), post=False)
    assert shown(clip.opened(patience=6).follow(clip.prompt(0, 0)).mask()) == [0, 1, 2]
    found = clip.opened(patience=7).follow(clip.prompt(0, 0)).mask()
    assert shown(found) == [0, 1, 2, 9, 10, 11]


def test_another_that_was_beside_it_all_along_is_not_taken_for_it() -> None:
    """It looks the same and stands where the hidden one would come out."""
    clip = clip_of((RED, STOPS), (RED, [(24, 72)] * FRAMES))
    found = clip.opened().follow(clip.prompt(0, 0)).mask()
    assert not (found & clip.truth[1]).any()
    assert max(shown(found)) in (3, 4)  # a sliver of it is seen in 4


def test_another_that_is_followed_too_is_not_taken_for_it() -> None:
    """It was hidden by the same post at the same time: only that it is known tells them apart."""
    other: Way = [(24, max(45, 6 * frame + 14)) for frame in range(FRAMES)]
    clip = clip_of((RED, STOPS), (RED, other))
    alone = clip.opened().follow(clip.prompt(0, 0)).mask()
    assert (alone & clip.truth[1]).any()
    opened = clip.opened()
    second = opened.follow(clip.prompt(1, FRAMES - 1))
    first = opened.follow(clip.prompt(0, 0), others=[second]).mask()
    assert not (first & clip.truth[1]).any()


def test_what_looks_different_is_not_taken_for_it() -> None:
    other: Way = [None if frame < 6 else (24, 72) for frame in range(FRAMES)]
    clip = clip_of((RED, STOPS), (BLUE, other))
    found = clip.opened().follow(clip.prompt(0, 0)).mask()
    assert not (found & clip.truth[1]).any()


def test_what_is_far_off_its_way_is_not_taken_for_it() -> None:
    way: Way = [(12, 12)] * 3 + [None] * 2 + [(36, 84)] * 7
    clip = clip_of((RED, way), post=False)
    assert shown(clip.opened().follow(clip.prompt(0, 0)).mask()) == [0, 1, 2]


def test_between_two_prompts_it_may_be_hidden_as_well() -> None:
    clip = clip_of((RED, ACROSS))
    found = clip.opened().follow(clip.prompt(0, 0, FRAMES - 1)).mask()
    assert shown(found)[-1] == FRAMES - 1
    hidden = [frame for frame in range(FRAMES) if not clip.truth[0][frame].any()]
    assert not found[hidden].any()
    assert agree(found, clip.truth[0]) > 0.85


def disc(y: float, x: float, radius: float = 8) -> Mask:
    rows, columns = np.indices(SIZE)
    return np.asarray((rows - y) ** 2 + (columns - x) ** 2 <= radius**2)


def first_frame(clip: Clip) -> NDArray[np.float32]:
    return np.asarray(clip.pixels[:, 0] / 255, dtype=np.float32)


def section(index: int, mask: Mask) -> Section:
    return Section.of(index, np.where(mask, 4, -4).astype(np.float32), 0.9, 0.9)


def trail_of(masks: Mapping[int, Mask]) -> Trail:
    first, *rest = (section(index, mask) for index, mask in masks.items())
    trail = Trail.of(first)
    for item in rest:
        trail = trail.then(item)
    return trail


def test_speed_and_place_are_those_of_the_object_while_it_was_seen_whole() -> None:
    trail = trail_of({i: disc(24, 12 + 4 * i) for i in range(6)})
    assert trail.speed == pytest.approx([0, 4], abs=0.2)
    sliver = disc(24, 36)
    sliver[:, 30:] = False
    after = trail.then(section(6, sliver))
    assert (after.last.index, after.whole.index) == (6, 5)
    assert after.speed == pytest.approx(trail.speed)


def test_it_is_expected_where_it_was_where_it_was_heading_and_where_its_colours_are() -> None:
    trail = trail_of({i: disc(24, 12 + 4 * i) for i in range(6)})
    signs = np.full(SIZE, -1, dtype=np.float32)
    assert places(trail, 10, signs) == []
    signs[disc(10, 80)] = 2
    assert [tuple(box_of(mask).astype(int)) for mask in places(trail, 10, signs)] == [
        tuple(box_of(disc(10, 80)).astype(int))
    ]
    signs[:] = 1
    boxes = [box_of(mask) for mask in places(trail, 10, signs)]
    assert boxes[0] == pytest.approx(box_of(disc(24, 32)))
    assert boxes[1] == pytest.approx(box_of(disc(24, 52)), abs=1)


@given(st.floats(0, 1), st.integers(1, 6))
def test_every_place_on_its_way_can_be_reached(share: float, frames: int) -> None:
    trail = trail_of({i: disc(24, 12 + 4 * i) for i in range(6)})
    assert trail.may_reach(section(5 + frames, disc(24, 32 + 4 * frames * share)))
    assert not trail.may_reach(section(5 + frames, disc(24, 8))) or frames > 3


def test_a_colour_of_neither_object_nor_ground_speaks_against_what_may_be_hidden() -> None:
    """In grey levels, red and blue would be the same."""
    pixels = first_frame(clip_of((RED, ACROSS)))
    appearance = Appearance.of(pixels, disc(24, 12))
    post = np.s_[:, 20:40, 40:50]
    assert abs(appearance.evidence(pixels[post]).mean()) < 0.1
    assert appearance.evidence(pixels[post], novel=0.5).mean() < -2
    assert appearance.evidence(pixels, novel=0.5)[disc(24, 12)].mean() > 2


def test_likeness_is_of_the_objects_and_not_of_what_is_around_them() -> None:
    red, far, blue = (
        Appearance.of(first_frame(clip_of((colour, way))), mask)
        for colour, way, mask in (
            (RED, ACROSS, disc(24, 12)),
            (RED, [(10, 64)] * FRAMES, disc(10, 64)),
            (BLUE, ACROSS, disc(24, 12)),
        )
    )
    assert red.likeness(red) == pytest.approx(1)
    assert red.likeness(far) > 0.95
    assert red.likeness(blue) < 0.3


def test_contrast_counts_along_its_direction_of_colours() -> None:
    blue = np.array([0.5, 0.5, 1], dtype=np.float32)[:, None, None]
    white_on_blue = np.where(disc(24, 12), np.float32(1), blue)
    yellow = contrast(white_on_blue, disc(24, 12))
    assert yellow == pytest.approx([0.5, 0.5, 0])
    assert relative(0.5 * yellow, yellow) == pytest.approx(0.5)
    assert relative(np.array([0.5, -0.5, 0.3]), yellow) == pytest.approx(0)


def test_cross_sections_lie_under_their_slice() -> None:
    clip = clip_of((RED, ACROSS))
    sections = clip.opened().follow(clip.prompt(0, 0)).sections
    assert {index: len(items) for index, items in by_slice(sections).items()} == {
        item.slice_index: 1 for item in sections
    }
