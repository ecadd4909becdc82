from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.errors import DataError
from samdomains.reports.volume_figures import VolumePicture
from samdomains.types import Case, ObjectMask
from samdomains.volume_pictures import DoubtSlices, FirstSections, Pages, picture_of
from samdomains.volumes.following import OpenVolume, VolumeObject
from samdomains.volumes.fusion import Block
from tests.volume_making import ball, opened


@pytest.fixture
def case() -> Case:
    return ball()


@pytest.fixture
def volume(case: Case) -> OpenVolume:
    return opened(case)


def found(volume: OpenVolume, doubt: Block | None = None) -> VolumeObject:
    mask = np.zeros(volume.shape[1:], dtype=bool)
    mask[8:12, 9:13] = True
    sections = tuple(
        replace(ObjectMask.from_mask(mask), slice_index=z, score=0.1 * z) for z in (4, 5)
    )
    return VolumeObject(volume.shape, sections, (4,), doubt)


def test_slices_are_the_grey_levels_that_the_model_sees(case: Case, volume: OpenVolume) -> None:
    picture = picture_of(volume, case, [], [])
    assert picture.shape == (12, 24, 20)
    assert picture.spacing == (2.0, 1.0, 1.0)
    stored = case.read_pixels()[0, 6] / np.float32(255)
    np.testing.assert_allclose(picture.slices[6], stored, atol=1e-6)
    assert picture.doubt is None


def test_objects_bring_their_prompts_and_confidence(case: Case, volume: OpenVolume) -> None:
    (one,) = picture_of(volume, case, [found(volume)], ["liver"]).objects
    assert (one.name, one.prompted, one.truth, one.score) == ("liver", (4,), None, None)
    assert one.confidence == {4: pytest.approx(0.4), 5: pytest.approx(0.5)}


def test_names_must_be_as_many_as_the_objects(case: Case, volume: OpenVolume) -> None:
    with pytest.raises(ValueError, match="shorter"):
        picture_of(volume, case, [found(volume)], [])


def test_doubt_is_the_largest_of_all_objects(case: Case, volume: OpenVolume) -> None:
    low = Block(np.full((3, 4, 4), 0.2, dtype=np.float32), (4, 8, 8))
    high = Block(np.full((1, 2, 9), 0.7, dtype=np.float32), (6, 9, 3))
    picture = picture_of(volume, case, [found(volume, low), found(volume, high)], ["a", "b"])
    assert isinstance(picture.doubt, DoubtSlices)
    assert len(picture.doubt) == 12
    expected = np.zeros((12, 24, 20), dtype=np.float32)
    for block in (low, high):
        np.maximum(expected[block.place], block.values, out=expected[block.place])
    for index in range(12):
        np.testing.assert_array_equal(picture.doubt[index], expected[index])


def drawn() -> VolumePicture:
    return VolumePicture("ball", np.zeros((3, 8, 8), dtype=np.float32), (8, 8), ())


def test_a_page_bears_the_id_of_its_case(case: Case, tmp_path: Path) -> None:
    Pages(tmp_path / "volumes")(0, case, drawn())
    assert [path.name for path in (tmp_path / "volumes").iterdir()] == ["ball.html"]
    with pytest.raises(DataError, match="no file name"):
        Pages(tmp_path)(0, replace(case, id="../ball"), drawn())


def test_a_report_shows_the_first_volumes(case: Case) -> None:
    sections = [FirstSections(2)(place, case, drawn()) for place in range(3)]
    assert [section is None for section in sections] == [False, False, True]
