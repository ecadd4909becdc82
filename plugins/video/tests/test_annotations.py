from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from samdomains_video.annotations import FrameMasks
from samdomains_video.clips import FrameFolder
from samdomains_video.decoding import VideoFile

from samdomains.plugin import DataError, MaskReading, ObjectMask

from .conftest import Make, labels, picture

INSTANCES = MaskReading("instances", "whole", 0, ((1, "object"),))
CLASSES = MaskReading("classes", "whole", 0, ((2, "dog"), (5, "cat")))
BINARY = MaskReading("binary", "whole", 128, ((1, "object"),))

WALK = {
    "0.png": labels((2, 1, 1, 5, 6), (7, 20, 20, 30, 40)),
    "1.png": labels(),
    "2.png": labels((7, 1, 1, 3, 3), (7, 40, 40, 44, 44)),
}


def folder_of(path: Path) -> FrameFolder:
    return FrameFolder.of(path, tuple(sorted(path.iterdir())))


@pytest.fixture
def walk(images: Make) -> FrameFolder:
    return folder_of(images("walk", {name: picture(0) for name in WALK}))


def told(objects: tuple[ObjectMask, ...]) -> list[tuple[int | None, int, int, int]]:
    return [(item.slice_index, item.instance, item.class_id, item.area) for item in objects]


def test_a_value_is_one_object_in_all_frames(images: Make, walk: FrameFolder) -> None:
    masks = FrameMasks.of(images("labels", WALK), walk, INSTANCES)
    assert told(masks()) == [(0, 2, 1, 20), (0, 7, 1, 200), (2, 7, 1, 20)]
    assert [(number, len(objects)) for number, objects in masks.by_frame()] == [
        (0, 2),
        (1, 0),
        (2, 1),
    ]
    assert masks()[0].box.tolist() == [1, 1, 6, 5]


def test_values_may_be_classes(images: Make, walk: FrameFolder) -> None:
    """A value without a name is no object."""
    masks = FrameMasks.of(images("labels", WALK), walk, CLASSES)
    assert told(masks()) == [(0, 2, 2, 20)]


def test_a_binary_mask_is_one_object(images: Make, walk: FrameFolder) -> None:
    binary = {name: np.where(mask == 7, 255, mask).astype(np.uint8) for name, mask in WALK.items()}
    masks = FrameMasks.of(images("labels", binary), walk, BINARY)
    assert told(masks()) == [(0, 1, 1, 200), (2, 1, 1, 20)]


def test_masks_of_a_video_are_taken_in_their_order(images: Make, film: Make) -> None:
    clip = VideoFile.of(film(count=3))
    masks = FrameMasks.of(images("labels", WALK), clip, INSTANCES)
    assert [item.slice_index for item in masks()] == [0, 0, 2]
    with pytest.raises(DataError, match=r"holds 3 masks, and film\.mp4 has 5 frames"):
        FrameMasks.of(images("labels", WALK), VideoFile.of(film()), INSTANCES)


def test_frames_and_masks_must_have_the_same_names(images: Make, walk: FrameFolder) -> None:
    few = {name: WALK[name] for name in ("0.png", "1.png")}
    with pytest.raises(DataError, match="1 of 3 frames have no mask of their name, such as 2"):
        FrameMasks.of(images("few", few), walk, INSTANCES)
    with pytest.raises(DataError, match="there is no frame for 3"):
        FrameMasks.of(images("many", WALK | {"3.png": WALK["0.png"]}), walk, INSTANCES)


def test_a_mask_of_another_size_is_an_error(images: Make, walk: FrameFolder) -> None:
    odd = WALK | {"1.png": labels(size=(9, 9))}
    masks = FrameMasks.of(images("labels", odd), walk, INSTANCES)
    with pytest.raises(DataError, match=r"1\.png: it is of size \(9, 9\)"):
        masks()
