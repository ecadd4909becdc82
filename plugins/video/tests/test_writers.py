from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from samdomains_video.cases import load_any
from samdomains_video.decoding import VideoFile
from samdomains_video.drawing import colour_of
from samdomains_video.writers import FrameMaskWriter, OverlayWriter, object_values

from samdomains.plugin import Case, DataError, ObjectMask, Recipe

from .conftest import SIZE, Make, with_display_matrix


@pytest.fixture
def case(film: Make, recipe: Recipe) -> Case:
    times = [Fraction(value, 100) for value in (0, 3, 20, 21, 50)]
    return load_any(film(times=times), recipe)[0]


def block(frame: int, instance: int, x: int = 30, size: tuple[int, int] = SIZE) -> ObjectMask:
    return ObjectMask(np.ones((14, 16), bool), (20, x), size, slice_index=frame, instance=instance)


def mask(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with PillowImage.open(path) as image:
        assert image.mode == "P"
        return np.asarray(image)


def test_an_overlay_and_a_mask_for_each_frame(case: Case, tmp_path: Path) -> None:
    written = OverlayWriter()(case, [block(1, 3), block(2, 3, 20)], tmp_path / "out")
    names = [path.relative_to(tmp_path / "out").as_posix() for path in written]
    assert names == ["film.mp4", *(f"film_masks/0000{i}.png" for i in range(5))]
    masks = [mask(path) for path in written[1:]]
    assert [np.unique(values).tolist() for values in masks] == [[0], [0, 3], [0, 3], [0], [0]]
    np.testing.assert_array_equal(masks[2], np.where(block(2, 3, 20).mask(), 3, 0))
    assert not [path for path in (tmp_path / "out").iterdir() if path.name[0] == "."]


def test_the_overlay_has_the_times_and_the_size_of_the_clip(case: Case, tmp_path: Path) -> None:
    (path, *_) = OverlayWriter()(case, [block(1, 3)], tmp_path)
    frames = list(VideoFile.of(path).frames())
    assert [frame.time for frame in frames] == [Fraction(v, 100) for v in (0, 3, 20, 21, 50)]
    assert frames[0].pixels.shape == (3, *SIZE)
    inside = frames[1].pixels[:, 27, 38].astype(float)  # grey 40 under the colour
    np.testing.assert_allclose(inside, 0.6 * 40 + 0.4 * np.array(colour_of(3)), atol=12)
    np.testing.assert_allclose(frames[0].pixels[:, 27, 38], 20, atol=5)


def test_a_turned_clip_of_odd_size_stays_upright(
    film: Make, recipe: Recipe, tmp_path: Path
) -> None:
    path = with_display_matrix(film(size=(47, 63)), (0, 1, -1, 0))
    (case,) = load_any(path, recipe)
    overlay, first, *_ = OverlayWriter()(case, [block(0, 1, 20, (63, 47))], tmp_path / "out")
    frame = next(VideoFile.of(overlay).frames())
    assert frame.pixels.shape == (3, 63, 47)
    assert frame.pixels[0, 0, -1] > 230
    assert mask(first).shape == (63, 47)


def test_nothing_found_is_written_too(case: Case, tmp_path: Path) -> None:
    written = FrameMaskWriter()(case, [], tmp_path)
    assert len(written) == 5
    assert not any(mask(path).any() for path in written)


def test_older_masks_are_replaced_as_a_whole(case: Case, tmp_path: Path) -> None:
    (tmp_path / "film_masks").mkdir()
    (tmp_path / "film_masks" / "00009.png").touch()
    FrameMaskWriter()(case, [], tmp_path)
    assert len(list((tmp_path / "film_masks").iterdir())) == 5


def test_a_clip_that_breaks_off_leaves_no_overlay(case: Case, tmp_path: Path, film: Make) -> None:
    broken = replace(case, geometry=VideoFile(film(), 9))
    with pytest.raises(DataError, match="9 frames were listed"):
        OverlayWriter()(broken, [], tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.mp4"))


def test_values_are_the_instances_where_8_bits_hold_them(case: Case) -> None:
    assert object_values(case, [block(0, 7), block(1, 255), block(2, 7)]) == [7, 255, 7]
    assert object_values(case, [block(0, 7), block(1, 256), block(2, 7)]) == [1, 2, 1]
    with pytest.raises(DataError, match="256 objects do not fit"):
        object_values(case, [block(0, number) for number in range(256)])


def test_a_case_of_another_domain_is_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="its case has no clip"):
        FrameMaskWriter()(replace(case, geometry=None), [], tmp_path)
