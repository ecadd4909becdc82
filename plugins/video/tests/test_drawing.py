from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from samdomains_video.drawing import (
    COLOURS,
    Depth8,
    by_frame,
    colour_of,
    label_image,
    overlay,
    save_labels,
)

from samdomains.plugin import ObjectMask


def square(y: int, x: int, side: int, frame: int = 0) -> ObjectMask:
    return ObjectMask(np.ones((side, side), bool), (y, x), (20, 30), slice_index=frame)


def test_objects_are_filled_and_outlined_and_the_rest_stays() -> None:
    picture = overlay(np.full((20, 30, 3), 100, np.uint8), [(2, square(4, 5, 6))])
    assert picture[4, 5].tolist() == list(colour_of(2))
    assert picture[9, 10].tolist() == list(colour_of(2))
    expected = np.rint(0.6 * 100 + 0.4 * np.array(colour_of(2)))
    np.testing.assert_array_equal(picture[5:9, 6:10].reshape(-1, 3), [expected] * 16)
    outside = np.ones((20, 30), bool)
    outside[4:10, 5:11] = False
    assert (picture[outside] == 100).all()


def test_colours_repeat() -> None:
    assert colour_of(1) == colour_of(1 + len(COLOURS)) == COLOURS[0]


def test_the_smaller_object_lies_over_the_larger() -> None:
    """The larger over all frames, so that the order does not change within a clip."""
    small, large = (
        [square(0, 0, 3, 0), square(0, 0, 4, 1)],
        [square(0, 0, 2, 0), square(0, 0, 9, 1)],
    )
    frames = by_frame([*small, *large], [1, 1, 2, 2])
    assert [value for value, _ in frames[0]] == [value for value, _ in frames[1]] == [2, 1]
    assert label_image((20, 30), frames[0])[:4, :4].tolist() == [
        [1, 1, 1, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 0],
        [0, 0, 0, 0],
    ]


def test_label_images_keep_every_value(tmp_path: Path) -> None:
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    save_labels(tmp_path / "a.png", labels)
    with PillowImage.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        np.testing.assert_array_equal(np.asarray(image), labels)
        assert image.convert("RGB").getpixel((1, 0)) == colour_of(1)
        assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 0)


def test_8_bits_stay_and_others_are_stretched_as_the_first_frame_is() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    np.testing.assert_array_equal(Depth8.of(grey).picture(grey)[..., 2], grey[0])
    deep = np.array([[[1000, 3000]]], dtype=np.uint16)
    depth = Depth8.of(deep)
    assert depth.picture(deep)[0, :, 0].tolist() == [0, 255]
    assert depth.picture(deep + 1000)[0, :, 0].tolist() == [128, 255]
    even = np.zeros((4, 1, 1), dtype=np.float32)
    assert Depth8.of(even).picture(even).tolist() == [[[0, 0, 0]]]
