from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from samdomains.data.images import read_mask
from samdomains.errors import SamDomainsError, UsageError
from samdomains.inference import Model, load_model
from samdomains.prompts.parsing import prompts_from_words
from samdomains.segmentation import segment
from samdomains.types import Case, ObjectMask

STACKS = """
from pathlib import Path

import numpy as np

from samdomains.plugin import Case, hookimpl, load_source
from tests.test_segmentation import ListWriter, Stack


@hookimpl
def load_cases(source, recipe):
    if source.suffix != ".npy":
        return load_source(source, recipe.data)
    return [Case("stack", "stack", Stack(source), None, {1: "object"}, files=(source,), depth=5)]


@hookimpl
def write_masks(recipe):
    return ListWriter()
"""


@dataclass(frozen=True)
class Stack:
    path: Path

    def __call__(self) -> np.ndarray:
        return np.asarray(np.load(self.path))


@dataclass(frozen=True)
class ListWriter:
    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        path = out / f"{case.id}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{o.slice_index} {o.instance} {o.class_id} {o.area}" for o in objects]
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        return [path]


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    plugin = tmp_path_factory.mktemp("plugin") / "a_domain_of_stacks.py"
    plugin.write_text(STACKS)
    return load_model("tiny", local_plugin=plugin)


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    pixels = np.full((1, 5, 60, 80), 20, dtype=np.uint8)
    pixels[:, 1:4, 10:40, 20:60] = 220
    np.save(tmp_path / "stack.npy", pixels)
    return tmp_path / "stack.npy"


def test_an_object_of_a_volume_is_followed_from_its_prompt_to_its_ends(
    model: Model, stack: Path, tmp_path: Path
) -> None:
    prompts = prompts_from_words(["20,10,60,40@2"], [])
    (path,) = segment(model, stack, prompts, out=tmp_path / "liver.nii.gz")
    assert path == tmp_path / "liver.nii.gz"
    found = [[int(n) for n in line.split()] for line in lines_of(path)]
    assert [row[:3] for row in found] == [[1, 1, 1], [2, 1, 1], [3, 1, 1]]
    assert [row[3] for row in found] == pytest.approx([1200] * 3, rel=0.15)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ("20,10,60,40", r"stack\.npy: is a volume of 5 slices, and a prompt names none"),
        ("20,10,60,40@5", r"stack\.npy: has no slice 5; allowed are 0 to 4"),
        ("90,10,99,40@2", r"stack\.npy: the box .* lies outside the image"),
    ],
)
def test_a_prompt_that_lies_in_no_slice_is_refused(
    model: Model, stack: Path, tmp_path: Path, box: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        segment(model, stack, prompts_from_words([box], []), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos with a bright square at the border, the second of them damaged."""
    photos = tmp_path / "photos"
    photos.mkdir()
    pixels = np.full((60, 80), 20, dtype=np.uint8)
    pixels[10:40, 40:] = 220
    for name in ("a", "b", "c"):
        PillowImage.fromarray(pixels).save(photos / f"{name}.png")
    (photos / "b.png").write_bytes(b"")
    return photos


def manifest_of(folder: Path) -> list[dict[str, str]]:
    lines = (folder / "manifest.csv").read_text("utf-8").splitlines()
    return list(csv.DictReader(lines))


def test_a_damaged_image_stops_no_others_and_the_manifest_says_so(
    folder: Path, tmp_path: Path
) -> None:
    prompts, out = prompts_from_words(["40,10,80,40"], []), tmp_path / "masks"
    images = load_model("tiny", settings=["review.minimum_iou=0"])
    with pytest.raises(SamDomainsError, match=r"1 of 3 images .* the first: .*b\.png: the file is"):
        segment(images, folder, prompts, out=out)
    rows = manifest_of(out)
    assert [(row["image"], row["status"], row["objects"]) for row in rows] == [
        ("a", "done", "1"),
        ("b", "failed", "0"),
        ("c", "done", "1"),
    ]
    assert [row["files"] for row in rows] == ["a.png; a.json", "", "c.png; c.json"]
    assert rows[0]["review"] == ""
    assert "empty (0 bytes)" in rows[1]["review"]


def test_on_resume_only_what_is_not_done_is_segmented(folder: Path, tmp_path: Path) -> None:
    prompts, out = prompts_from_words(["40,10,80,40"], []), tmp_path / "masks"
    images = load_model("tiny", settings=["review.minimum_iou=0", "review.border=true"])
    with pytest.raises(SamDomainsError):
        segment(images, folder, prompts, out=out)
    shutil.copy(folder / "a.png", folder / "b.png")
    lines: list[str] = []
    written = segment(images, folder, prompts, out=out, resume=True, tell=lines.append)
    assert [path.name for path in written] == ["b.png", "b.json"]
    assert lines == [f"{out / 'manifest.csv'}: 3 of 3 images need a human look"]
    rows = manifest_of(out)
    assert sorted(row["status"] for row in rows) == ["done"] * 3
    assert {row["review"] for row in rows} == {"cut by the border of the image"}


def test_an_image_without_objects_is_for_review_unless_the_recipe_says_otherwise(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "b.png").unlink()
    for empty in (True, False):
        settings = ["auto.minimum_iou=1", "auto.points=3", f"review.empty={str(empty).lower()}"]
        images = load_model("tiny", settings=settings)
        segment(images, folder, out=tmp_path / f"out_{empty}")
        reasons = {row["review"] for row in manifest_of(tmp_path / f"out_{empty}")}
        assert reasons == ({"nothing was found"} if empty else {""})


def test_an_object_of_no_named_class_is_not_given_the_first_of_the_data(
    folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (data / "masks").mkdir(parents=True)
    shutil.copytree(folder, data / "images", ignore=shutil.ignore_patterns("b.png"))
    (data / "labels.json").write_text('{"1": "liver", "2": "spleen"}')
    for name in ("a", "c"):
        PillowImage.fromarray(np.ones((60, 80), np.uint8)).save(data / "masks" / f"{name}.png")
    images = load_model("tiny", settings=["data.masks=classes"])
    prompts = prompts_from_words(["40,10,80,40"], [])
    segment(images, data, prompts, out=tmp_path / "plain")
    segment(images, data, [replace(prompts[0], class_id=2)], out=tmp_path / "named")
    assert "object" in (tmp_path / "plain" / "a.json").read_text()
    assert "spleen" in (tmp_path / "named" / "a.json").read_text()


def test_without_prompts_the_sure_answers_are_written(folder: Path, tmp_path: Path) -> None:
    settings = ["auto.points=8", "auto.minimum_iou=0.6", "auto.minimum_stability=0.6"]
    images = load_model("tiny", settings=settings)
    segment(images, folder / "a.png", out=tmp_path / "out")
    labels = read_mask(tmp_path / "out" / "a.png")
    square = labels[15:35, 45:75]
    assert (square > 0).mean() > 0.9


def test_an_image_has_no_slices(model: Model, tmp_path: Path) -> None:
    PillowImage.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(tmp_path / "photo.png")
    prompts = prompts_from_words(["1,1,5,5@0"], [])
    with pytest.raises(UsageError, match=r"prompt names slice 0\. Write it without @slice"):
        segment(model, tmp_path / "photo.png", prompts, out=tmp_path / "out")


def test_an_output_is_gzipped_or_not_as_its_name_says(
    model: Model, stack: Path, tmp_path: Path
) -> None:
    prompts = prompts_from_words(["20,10,60,40@2"], [])
    (packed,) = segment(model, stack, prompts, out=tmp_path / "liver.nii.gz")
    (plain,) = segment(model, stack, prompts, out=tmp_path / "liver.nii")
    assert plain == tmp_path / "liver.nii"
    assert plain.read_bytes() == gzip.decompress(packed.read_bytes())


def test_masks_of_another_kind_than_was_named_are_kept(
    model: Model, stack: Path, tmp_path: Path
) -> None:
    prompts = prompts_from_words(["20,10,60,40@2"], [])
    with pytest.raises(UsageError, match=r"are written as \.gz\. .* these lie in .*liver_masks_"):
        segment(model, stack, prompts, out=tmp_path / "liver.mha")
    (kept,) = tmp_path.glob("liver_masks_*/liver.nii.gz")
    assert lines_of(kept)
