from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from samdomains_video.cases import load_any
from samdomains_video.clips import Clip
from samdomains_video.decoding import VideoFile

from samdomains.data.parts import in_parts
from samdomains.plugin import DataError, Recipe

from .conftest import SIZE, Make, labels, number_of, picture


def test_a_video_is_a_volume_of_its_frames(film: Make, recipe: Recipe) -> None:
    path = film()
    (case,) = load_any(path, recipe)
    assert (case.id, case.group, case.depth, case.files) == ("film", "film", 5, (path,))
    assert case.read_objects is None
    assert case.spacing is None
    assert isinstance(case.geometry, Clip)
    assert case.read_pixels().shape == (3, 5, *SIZE)
    parts = in_parts([case])
    assert [part.id for part in parts] == [f"film@{i}" for i in range(5)]
    assert [number_of(part.read_pixels()) for part in parts] == [0, 1, 2, 3, 4]


def test_frames_and_videos_have_the_same_pixels_frame_by_frame(
    images: Make, recipe: Recipe
) -> None:
    place = images("walk", {f"{i}.png": picture(i) for i in (2, 9, 10)})
    (case,) = load_any(place, recipe)
    assert case.slices is not None
    whole = case.read_pixels()
    for number, pixels in case.slices.pixels():
        np.testing.assert_array_equal(pixels, whole[:, number])
    assert [number_of(whole[:, i]) for i in range(3)] == [2, 9, 10]


@pytest.fixture
def davis(images: Make, tmp_path: Path) -> Path:
    for name in ("bear", "camel"):
        images(f"JPEGImages/480p/{name}", {f"{i:05d}.jpg": picture(i) for i in range(2)})
        masks = {f"{i:05d}.png": labels((i + 1, 2, 3, 9, 20)) for i in range(2)}
        images(f"Annotations/480p/{name}", masks)
    return tmp_path


def test_davis_is_annotated_data(davis: Path, recipe: Recipe) -> None:
    bear, camel = load_any(davis, recipe)
    assert (bear.id, camel.id, bear.classes) == ("bear", "camel", {1: "object"})
    assert bear.read_objects is not None
    assert bear.slices is not None
    assert [item.instance for item in bear.read_objects()] == [1, 2]
    assert [number for number, _ in bear.slices.objects()] == [0, 1]
    (first, *_) = in_parts([bear])
    assert first.read_objects is not None
    assert [item.box.tolist() for item in first.read_objects()] == [[3, 2, 20, 9]]


def test_splits_groups_and_class_names_are_honoured(davis: Path, recipe: Recipe) -> None:
    (davis / "splits.json").write_text(json.dumps({"train": ["bear"], "test": ["camel"]}))
    (davis / "labels.json").write_text(json.dumps({"1": "head", "2": "body"}))
    named = recipe.model_copy(update={"data": recipe.data.model_copy(update={"masks": "classes"})})
    bear, camel = load_any(davis, named)
    assert (bear.split, camel.split) == ("train", "test")
    assert bear.classes == {1: "head", 2: "body"}
    assert bear.read_objects is not None
    assert [item.class_id for item in bear.read_objects()] == [1, 2]


def test_what_is_strange_about_a_video_is_noted(
    film: Make, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film()
    assert load_any(path, recipe)[0].notes == ()
    strange = VideoFile(path, 5, "it may be cut short")
    monkeypatch.setattr(VideoFile, "of", lambda _: strange)
    assert load_any(path, recipe)[0].notes == ("it may be cut short",)


def test_one_damaged_video_of_a_folder_is_named(film: Make, recipe: Recipe) -> None:
    path = film("clips/a.mp4")
    path.with_name("b.mp4").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"b\.mp4: the file is no video"):
        load_any(path.parent, recipe)
