from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from segment_anything.modeling import Sam

from samdomains.errors import DataError
from samdomains.training.task import dataset_of
from samdomains.types import Case, StrategyName

from .conftest import task


@pytest.mark.parametrize(("strategy", "pixels"), [("decoder", False), ("lora", True)])
def test_samples_hold_pixels_where_the_encoder_is_tuned(
    miniature: Sam, cases: list[Case], tmp_path: Path, strategy: StrategyName, pixels: bool
) -> None:
    sample = dataset_of(task(miniature, cases, tmp_path, strategy))[0, 0]
    assert (sample.image is not None) == pixels


def test_the_samples_travel_to_a_worker_without_the_model(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    dataset = dataset_of(task(miniature, cases, tmp_path, "full"))
    dataset.window_image(0)
    pixels = sum(case.read_pixels().nbytes for case in cases)
    assert len(pickle.dumps(dataset)) < 2 * pixels  # which the cases of this test hold


def test_images_without_any_object_to_learn_from_are_an_error(
    miniature: Sam, cases: list[Case], tmp_path: Path
) -> None:
    empty = [replace(case, read_objects=tuple) for case in cases]
    with pytest.raises(DataError, match="none of the 4 training images has an object"):
        dataset_of(task(miniature, empty, tmp_path))
