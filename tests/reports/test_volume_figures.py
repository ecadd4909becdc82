"""Pictures of volumes."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from samdomains.reports import volume_figures
from samdomains.reports.figures import Panel
from samdomains.reports.overlay import Colour
from samdomains.reports.volume_figures import (
    DOUBTED,
    PREDICTED,
    PROMPTED,
    TRUE,
    FollowedObject,
    ThreeViews,
    VolumePicture,
    strip,
    three_views,
)
from samdomains.types import ObjectMask

SPACING = (4.0, 1.0, 0.5)


def box(z: tuple[int, int], y: tuple[int, int], x: tuple[int, int]) -> list[ObjectMask]:
    """Cross-sections of a box in a volume of 20 x 40 x 80."""
    mask = np.zeros((40, 80), dtype=bool)
    mask[slice(*y), slice(*x)] = True
    return [replace(ObjectMask.from_mask(mask), slice_index=index) for index in range(*z)]


def picture(*objects: FollowedObject, **values: Any) -> VolumePicture:
    grey = np.full((20, 40, 80), 0.5, dtype=np.float32)
    return VolumePicture("scan", grey, (40, 80), objects, **{"spacing": SPACING, **values})


def pixels(panel: Panel) -> NDArray[np.uint8]:
    return np.asarray(PIL.Image.open(io.BytesIO(panel.webp)))


def all_pixels(panels: Iterable[Panel]) -> NDArray[np.uint8]:
    """(N, 3): those of several pictures together."""
    return np.concatenate([pixels(panel).reshape(-1, 3) for panel in panels])


def planes(views: ThreeViews) -> tuple[Panel, Panel, Panel]:
    return views.xy, views.yz, views.xz


def has(drawn: NDArray[np.uint8], colour: Colour) -> bool:
    return bool((drawn == np.array(colour, dtype=np.uint8)).all(axis=-1).any())


def doubted(grey: int) -> Colour:
    """What a grey level is where the doubt is 1."""
    red, green, blue = (int(0.85 * value + 0.15 * grey) for value in DOUBTED)
    return red, green, blue


FOUND = FollowedObject(
    "liver", box((5, 15), (10, 30), (20, 60)), box((4, 16), (9, 28), (20, 60)), prompted=(10,)
)


class TestStrip:
    def test_slices_show_the_outlines_of_answer_and_truth_and_the_prompted_one_a_frame(
        self,
    ) -> None:
        drawn = all_pixels(strip(picture(FOUND)))
        assert all(has(drawn, colour) for colour in (PREDICTED, TRUE, PROMPTED))

    def test_slices_have_the_sides_of_their_pixels(self) -> None:
        everywhere = FollowedObject("all", box((0, 1), (0, 40), (0, 80)), prompted=(0,))
        (panel,) = strip(picture(everywhere))
        # 40 rows of 1 mm and 80 columns of 0.5 mm are a square.
        assert pixels(panel).shape == (300, 300, 3)
        assert panel.label == "slice 0, prompted"
        assert panel.alt == "outlines in slice 0 of scan"

    def test_a_doubt_map_is_drawn_over_the_slices_without_the_truth(self) -> None:
        doubt = np.zeros((20, 40, 80), dtype=np.float32)
        doubt[:, 12:28, 22:58] = 1.0
        drawn = all_pixels(strip(picture(FOUND, doubt=doubt), doubt=True))
        assert has(drawn, doubted(128))
        assert has(drawn, PREDICTED)
        assert not has(drawn, TRUE)

    def test_doubt_that_is_not_there_is_not_drawn(self) -> None:
        with pytest.raises(ValueError, match="scan has no doubt map"):
            strip(picture(FOUND), doubt=True)

    def test_a_volume_without_objects_shows_its_slices(self) -> None:
        drawn = all_pixels(strip(picture()))
        assert not any(has(drawn, colour) for colour in (PREDICTED, TRUE, PROMPTED))

    def test_only_the_slices_that_are_shown_are_read(self) -> None:
        reads: set[int] = set()

        class Counted:
            def __len__(self) -> int:
                return 1000

            def __getitem__(self, index: int) -> NDArray[np.float32]:
                reads.add(index)
                return np.zeros((40, 80), dtype=np.float32)

        long = FollowedObject("vessel", box((0, 1000), (10, 30), (20, 60)), prompted=(500,))
        strip(VolumePicture("scan", Counted(), (40, 80), [long], SPACING))
        assert len(reads) == volume_figures.MOST_SLICES
        assert 500 in reads


class TestThreeViews:
    def test_planes_are_true_to_scale(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(volume_figures, "VIEW_MARGIN", 0.0)
        monkeypatch.setattr(volume_figures, "VIEWS_SIDE", 120)
        everywhere = FollowedObject("all", box((0, 20), (0, 40), (0, 80)))
        (views,) = three_views(picture(everywhere), [everywhere])
        # XY is 40 x 40 mm and the other planes are 80 mm deep, at 1 pixel for each mm.
        assert [pixels(plane).shape[:2] for plane in planes(views)] == [
            (40, 40),
            (40, 80),
            (80, 40),
        ]
        assert views.columns == (40, 80)

    def test_outlines_and_prompted_slices_are_marked_in_them(self) -> None:
        (views,) = three_views(picture(FOUND), [FOUND])
        drawn = all_pixels(planes(views))
        assert all(has(drawn, colour) for colour in (PREDICTED, TRUE, PROMPTED))

    def test_a_missed_object_is_shown_where_it_is(self) -> None:
        missed = replace(FOUND, prediction=())
        (views,) = three_views(picture(missed), [missed])
        assert has(all_pixels(planes(views)), TRUE)
        assert not has(all_pixels(planes(views)), PREDICTED)

    def test_doubt_shows_in_the_planes(self) -> None:
        doubt = np.ones((20, 40, 80), dtype=np.float32)
        (views,) = three_views(picture(FOUND, doubt=doubt), [FOUND])
        assert has(all_pixels(planes(views)), doubted(128))

    def test_an_object_of_a_single_voxel_at_twenty_to_one_is_drawn(self) -> None:
        speck = FollowedObject("speck", box((0, 1), (0, 1), (79, 80)))
        (views,) = three_views(picture(speck, spacing=(20.0, 1.0, 1.0)), [speck])
        assert has(all_pixels(planes(views)), PREDICTED)
        assert max(max(pixels(plane).shape) for plane in planes(views)) < 1200

    def test_without_spacing_voxels_are_cubes(self) -> None:
        cubes = picture(FOUND, spacing=None)
        assert three_views(cubes, [FOUND]) == three_views(
            picture(FOUND, spacing=(1.0, 1.0, 1.0)), [FOUND]
        )
