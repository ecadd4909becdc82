"""Converting between PNG and COCO without loss."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from samdomains.data._readers import PixelFile
from samdomains.data.convert import Format, convert
from samdomains.data.sources import load_source
from samdomains.errors import DataError, UsageError
from samdomains.recipe import DataRecipe
from samdomains.types import Case, ObjectMask, Split

SaveImage = Callable[[Path, ArrayLike], Path]
Fact = tuple[Any, ...]
AUTO = DataRecipe()
CLASSES = {0: "chair", 3: "Tasse à café", 70_000: "lamp"}
SPLITS: tuple[Split | None, ...] = ("train", "val", "test", None)


@dataclass(frozen=True, eq=False)
class Given:
    """Objects that a test made up."""

    objects: tuple[ObjectMask, ...]

    def __call__(self) -> tuple[ObjectMask, ...]:
        return self.objects


def facts(cases: Sequence[Case]) -> list[Fact]:
    """All that a conversion must keep, in a form that can be compared."""
    found = []
    for case in sorted(cases, key=lambda case: case.id):
        assert case.read_objects is not None
        objects = tuple(
            (
                obj.class_id,
                obj.crowd,
                obj.image_size,
                obj.origin,
                obj.crop.shape,
                obj.crop.tobytes(),
            )
            for obj in case.read_objects()
        )
        pixels = case.files[0].read_bytes()
        found.append((case.id, case.group, case.split, dict(case.classes), objects, pixels))
    return found


@st.composite
def object_masks(draw: st.DrawFn, size: tuple[int, int]) -> ObjectMask:
    """Any mask with a pixel: holes, parts and overlaps with others included."""
    height, width = size
    bits = draw(st.lists(st.booleans(), min_size=height * width, max_size=height * width))
    bits[draw(st.integers(0, height * width - 1))] = True
    class_id = draw(st.sampled_from(sorted(CLASSES)))
    mask: NDArray[np.bool_] = np.array(bits).reshape(size)
    return ObjectMask.from_mask(mask, class_id=class_id, crowd=draw(st.booleans()))


@st.composite
def data_sets(draw: st.DrawFn) -> list[tuple[str, str, Split | None, list[ObjectMask], int, int]]:
    """Id, group, split, objects, height and width of some images."""
    stems = draw(st.lists(st.sampled_from(["a", "b.1", "b", "É 2"]), min_size=1, unique=True))
    images = []
    for stem in stems:
        height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        objects = draw(st.lists(object_masks((height, width)), max_size=4))
        group = draw(st.sampled_from(["p", "q", stem]))
        images.append((stem, group, draw(st.sampled_from(SPLITS)), objects, height, width))
    return images


@given(data_sets())
@settings(max_examples=25)
def test_there_and_back_again_loses_nothing(
    save_image: SaveImage,
    images: list[tuple[str, str, Split | None, list[ObjectMask], int, int]],
) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cases = []
        for stem, group, split, objects, height, width in images:
            path = save_image(
                folder / "source" / f"{stem}.png", np.zeros((height, width), np.uint8)
            )
            read = Given(tuple(objects))
            cases.append(Case(stem, group, PixelFile(path), read, CLASSES, split, (path,)))
        expected = facts(cases)
        formats: tuple[Format, ...] = ("png", "coco", "coco", "png", "png")
        for step, to in enumerate(formats):
            out = convert(cases, folder / f"{step}_{to}", to)
            cases = list(load_source(out, AUTO))
            assert facts(cases) == expected


@pytest.fixture
def source(tmp_path: Path, save_image: SaveImage) -> Path:
    """Two images with 1,500 objects each."""
    labels = np.zeros((150, 160), dtype=np.uint16)
    labels[::3, ::5] = np.arange(1, 1 + labels[::3, ::5].size).reshape(50, 32)
    for stem in ("a", "b"):
        save_image(tmp_path / "source" / "images" / f"{stem}.png", labels.astype(np.uint8))
        save_image(tmp_path / "source" / "labels" / f"{stem}.png", labels)
    (tmp_path / "source" / "splits.json").write_text('{"train": ["a"], "test": ["b"]}')
    return tmp_path / "source"


def test_a_folder_of_instances_goes_to_coco_and_back(source: Path, tmp_path: Path) -> None:
    expected = facts(load_source(source, AUTO))
    coco = convert(load_source(source, AUTO), tmp_path / "coco", "coco")
    assert facts(load_source(coco, AUTO)) == expected
    png = convert(load_source(coco, AUTO), tmp_path / "deep" / "png", "png")
    assert facts(load_source(png, AUTO)) == expected
    assert sorted(path.name for path in png.iterdir()) == ["images", "labels", "splits.json"]
    assert not list(tmp_path.glob(".*"))


def test_the_recipe_does_not_change_how_converted_masks_are_read(
    source: Path, tmp_path: Path
) -> None:
    png = convert(load_source(source, AUTO), tmp_path / "png", "png")
    recipe = DataRecipe(masks="binary", objects="components", threshold=9)
    assert facts(load_source(png, recipe)) == facts(load_source(source, AUTO))


def test_a_folder_in_use_is_refused_and_left_alone(source: Path, tmp_path: Path) -> None:
    cases = load_source(source, AUTO)
    (tmp_path / "out").mkdir()
    convert(cases, tmp_path / "out", "png")
    before = sorted(path for path in tmp_path.rglob("*"))
    for out in (tmp_path / "out", source / "splits.json"):
        with pytest.raises(DataError, match="exists already and is not empty"):
            convert(cases, out, "png")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("to", ["png", "coco"])
def test_a_failure_leaves_nothing_behind(source: Path, tmp_path: Path, to: Format) -> None:
    cases = load_source(source, AUTO)
    (source / "labels" / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"b\.png: the file is empty"):
        convert(cases, tmp_path / "out", to)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_what_cannot_be_converted_is_named(source: Path, tmp_path: Path) -> None:
    first, second = load_source(source, AUTO)
    bare = replace(second, read_objects=None)
    slices = [first, replace(second, files=first.files)]
    volume = replace(first, files=(Path("scan.nii.gz"),))
    for cases, message in (
        ([first, bare], r"b\.png: the image has no annotation"),
        (slices, "one image file for each case"),
        ([volume], r"scan\.nii\.gz: only data sets with one image file"),
        ([], "no case to convert"),
    ):
        with pytest.raises(DataError, match=message):
            convert(cases, tmp_path / "out", "coco")
    with pytest.raises(UsageError, match=r"'coc'; allowed are png, coco\. Did you mean 'coco'"):
        convert([first], tmp_path / "out", "coc")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
