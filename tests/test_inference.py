from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

import samdomains
from samdomains.errors import CheckpointError, RecipeError, UsageError
from samdomains.inference import Model, load_model
from samdomains.prompts.parsing import VolumePrompt, prompts_from_words
from samdomains.sam import segmenter
from samdomains.sam.segmenter import EncodedImage, SamSegmenter
from samdomains.types import Case, Mask, ObjectMask, Prediction, Prompts

if TYPE_CHECKING:
    from tests.conftest import FinishedRun


def box(*corners: float) -> Prompts:
    return Prompts(box=np.array(corners, dtype=np.float32), source="user")


def point(x: float, y: float) -> Prompts:
    return Prompts(
        points=np.array([[x, y]], dtype=np.float32),
        point_labels=np.ones(1, dtype=np.int64),
        source="user",
    )


@pytest.fixture(scope="module")
def tiny() -> Model:
    return load_model("tiny")


@pytest.fixture
def pixels() -> np.ndarray:
    image = np.full((3, 60, 80), 20, dtype=np.uint8)
    image[:, 10:40, 20:60] = 220
    return image


def test_each_prompt_is_answered_in_its_place(tiny: Model, pixels: np.ndarray) -> None:
    prompts = [box(20, 10, 60, 40), point(40, 25), box(0, 0, 10, 10)]
    together = tiny.segment(pixels, prompts)
    for answer, prompt in zip(together, prompts, strict=True):
        (alone,) = tiny.segment(pixels, [prompt])
        assert answer.mask().shape == (60, 80)
        np.testing.assert_allclose(answer.logits, alone.logits, atol=1e-3)
    assert tiny.segment(pixels, []) == []


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_the_stored_type_does_not_matter(kind: type, tiny: Model, pixels: np.ndarray) -> None:
    (expected,) = tiny.segment(pixels, [box(20, 10, 60, 40)])
    (answer,) = tiny.segment(pixels.astype(kind) * 7, [box(20, 10, 60, 40)])
    np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-3)


@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 3), (1, 3, 60, 80)])
def test_an_image_with_its_axes_elsewhere_is_refused(shape: tuple[int, ...], tiny: Model) -> None:
    with pytest.raises(UsageError, match=r"must be \(C, H, W\), got shape"):
        tiny.segment(np.zeros(shape, dtype=np.uint8), [box(1, 1, 5, 5)])


@pytest.mark.parametrize(
    "prompt", [box(80, 0, 90, 10), box(-9, -9, 0, 0), point(80, 5), point(-1, 5)]
)
def test_a_prompt_outside_the_image_is_refused(
    prompt: Prompts, tiny: Model, pixels: np.ndarray
) -> None:
    with pytest.raises(UsageError, match="outside the image, which is 80 pixels wide and 60 high"):
        tiny.segment(pixels, [prompt])


def test_a_box_may_reach_over_the_border(tiny: Model, pixels: np.ndarray) -> None:
    assert len(tiny.segment(pixels, [box(-5, -5, 500, 500)])) == 1


@pytest.mark.parametrize("prompt", [point(np.nan, 5), box(0, 0, np.inf, 5)])
def test_a_prompt_that_is_no_place_is_refused(
    prompt: Prompts, tiny: Model, pixels: np.ndarray
) -> None:
    with pytest.raises(UsageError, match="NaN or infinite"):
        tiny.segment(pixels, [prompt])


@dataclass(frozen=True, eq=False)
class Stored:
    pixels: np.ndarray

    def __call__(self) -> np.ndarray:
        return self.pixels


@pytest.fixture(scope="module")
def ball() -> Case:
    """Bright in slices 1 to 5 of 7."""
    z, y, x = np.ogrid[:7, :48, :56]
    inside = ((z - 3) * 4) ** 2 + (y - 24) ** 2 + (x - 28) ** 2 <= 11**2
    return Case(
        id="scan",
        group="scan",
        read_pixels=Stored(np.where(inside, 200, 30).astype(np.uint8)[None]),
        read_objects=None,
        classes={1: "object"},
        depth=7,
        spacing=(4.0, 1.0, 1.0),
    )


def test_an_object_is_followed_through_a_volume(tiny: Model, ball: Case) -> None:
    seen: list[int] = []
    prompts = [VolumePrompt({3: box(17, 13, 40, 36)}), VolumePrompt({3: point(28, 24)}, 2)]
    truth = ball.read_pixels()[0] > 100
    for found in tiny.segment_volume(ball, prompts, lambda section: seen.append(section.index)):
        mask = found.mask()
        assert 2 * np.count_nonzero(mask & truth) > 0.85 * (mask.sum() + truth.sum())
    assert sorted(seen[: len(seen) // 2]) == [1, 2, 3, 4, 5]


def test_an_open_volume_is_embedded_once_in_a_folder_that_goes_with_it(
    tiny: Model, ball: Case
) -> None:
    opened = tiny.open_volume(ball)
    segmenter = opened.planes[0].segmenter
    assert isinstance(segmenter, SamSegmenter)
    assert segmenter.encoder is not None
    assert segmenter.encoder.cache is not None
    root = segmenter.encoder.cache.root
    opened.follow({3: box(17, 13, 40, 36)})
    kept = sorted(root.rglob("*.f*"))
    assert kept
    opened.follow({3: box(17, 13, 40, 36)})
    assert sorted(root.rglob("*.f*")) == kept
    del opened, segmenter
    assert not root.exists()


def test_a_prompt_beside_a_volume_is_refused_before_anything_is_asked(
    tiny: Model, ball: Case
) -> None:
    fine = VolumePrompt({3: box(17, 13, 40, 36)})
    seen: list[object] = []
    for prompts, problem in [
        ({7: point(3, 3)}, "has no slice 7; allowed are 0 to 6"),
        ({3: point(56, 3)}, "56 pixels wide and 48 high"),
    ]:
        with pytest.raises(UsageError, match=problem):
            tiny.segment_volume(ball, [fine, VolumePrompt(prompts)], seen.append)
    assert seen == []


def test_an_image_is_no_volume(tiny: Model, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("L", (40, 30)).save(tmp_path / name)
    with pytest.raises(UsageError, match=r"a\.png: one volume is needed, and it holds an image"):
        tiny.open_volume(tmp_path / "a.png")
    with pytest.raises(UsageError, match="one volume is needed, and it holds 2 cases"):
        tiny.open_volume(tmp_path)


def test_a_run_is_loaded_by_its_folder_or_by_its_file(
    finished_run: FinishedRun, pixels: np.ndarray
) -> None:
    root = finished_run.directory
    by_folder, by_file = load_model(root), load_model(root / "model.safetensors")
    assert list(by_folder.systems) == ["tuned"]
    assert list(load_model(root, with_base=True).systems) == ["tuned", "zero_shot"]
    assert by_folder.domain.name == "images"
    assert by_folder.recipe.training.epochs == 3
    assert by_folder.description == "model: tiny, tuned (decoder) for images"
    answers = [m.segment(pixels, [box(20, 10, 60, 40)])[0] for m in (by_folder, by_file)]
    assert np.array_equal(answers[0].logits, answers[1].logits)


def test_another_domain_reads_with_its_own_values_and_leaves_the_rest(
    finished_run: FinishedRun,
) -> None:
    home, away = (
        load_model(finished_run.directory),
        load_model(finished_run.directory, "microscopy"),
    )
    assert away.domain.name == "microscopy"
    assert (home.recipe.data.objects, away.recipe.data.objects) == ("whole", "components")
    assert away.recipe.intensity == home.recipe.intensity
    assert away.recipe.model == home.recipe.model
    assert "microscopy reads the data, images prepares" in away.description


def test_of_a_tuned_model_only_reading_and_scoring_can_be_set(finished_run: FinishedRun) -> None:
    model = load_model(finished_run.directory, settings=["data.minimum_area=9"])
    assert model.recipe.data.minimum_area == 9
    with pytest.raises(RecipeError, match="'model' does not go with a tuned model"):
        load_model(finished_run.directory, settings=["model.tile=64"])


def test_images_are_not_prepared_by_another_layer_than_in_training(
    finished_run: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    local = tmp_path / "local_normalizer.py"
    local.write_text(
        "from samdomains.plugin import Recipe, hookimpl, make_normalizer\n"
        "@hookimpl\n"
        "def normalize_intensity(recipe):\n"
        "    return make_normalizer(recipe.intensity)\n"
    )
    with pytest.raises(CheckpointError, match=r"prepared by core, now local file local_normaliz"):
        load_model(finished_run.directory, local_plugin=local)


def test_an_untuned_model_takes_the_weights_that_a_setting_names(tmp_path: Path) -> None:
    missing = tmp_path / "own.pth"
    with pytest.raises(CheckpointError, match=r"own\.pth"):
        load_model("tiny", settings=[f"model.checkpoint={missing}"])


def test_there_is_nothing_to_mix_in_an_untuned_model() -> None:
    with pytest.raises(RecipeError, match=r"model\.interpolate mixes tuned .* tiny is not tuned"):
        load_model("tiny", settings=["model.zoom=null", "model.interpolate=0.5"])


def test_each_answer_is_cropped_to_its_object_before_the_next_is_asked(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    ask, crop = EncodedImage._predict_in, ObjectMask.from_mask

    def asked(
        image: EncodedImage, index: int, prompts: Sequence[Prompts], multimask: bool
    ) -> list[Prediction]:
        happened.append("asked")
        return ask(image, index, prompts, multimask)

    def cropped(mask: Mask, *, class_id: int) -> ObjectMask:
        happened.append("cropped")
        return crop(mask, class_id=class_id)

    monkeypatch.setattr(segmenter, "PROMPTS_PER_CALL", 1)
    monkeypatch.setattr(EncodedImage, "_predict_in", asked)
    monkeypatch.setattr(ObjectMask, "from_mask", cropped)
    image = np.zeros((60, 80), dtype=np.uint8)
    image[10:40, 20:60] = 220
    Image.fromarray(image).save(tmp_path / "a.png")
    prompts = prompts_from_words(["20,10,60,40"], []) * 3
    samdomains.segment(tiny, tmp_path / "a.png", prompts, out=tmp_path / "masks")
    assert happened == ["asked", "cropped"] * 3


def test_a_name_that_is_no_model_says_what_is_one(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"Did you mean 'vit_b'\? .* one of tiny, vit_b"):
        load_model("vitb")
    with pytest.raises(CheckpointError, match="no model here"):
        load_model(tmp_path)


def test_the_public_functions_do_the_same(finished_run: FinishedRun, tmp_path: Path) -> None:
    model = samdomains.load_model(str(finished_run.directory))
    source = tmp_path / "a.png"
    Image.new("RGB", (40, 30), "white").save(source)
    prompts = prompts_from_words(["5,5,30,25"], [])
    written = samdomains.segment(model, source, prompts, out=tmp_path / "masks")
    assert [path.name for path in written] == ["a.png", "a.json"]
