from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from samdomains.data.parts import in_parts
from samdomains.recipe import AugmentationRecipe, ModelRecipe, PromptRecipe, Recipe
from samdomains.sam.frame import Frame
from samdomains.training.dataset import Sample, ViewDataset, list_views, views_of
from samdomains.training.neighbours import NeighbourPrompts
from samdomains.types import Case, RawImage

from .conftest import disc, make_case, make_volume, to_unit_range

TILES = ModelRecipe(tile=64, zoom=None)
WHOLE = ModelRecipe(zoom=None)


def frame_of(size: tuple[int, int]) -> Frame:
    return Frame(size, 64, 32)


def dataset(cases: list[Case], augmentation: AugmentationRecipe | None = None) -> ViewDataset:
    return ViewDataset(
        cases,
        list_views(cases, TILES, minimum_area=4),
        to_unit_range,
        frame_of,
        objects_per_image=4,
        augmentation=augmentation,
    )


def pixels_of(sample: Sample) -> Tensor:
    assert sample.image is not None
    return sample.image


def test_every_object_is_in_the_view_of_its_box_and_in_that_of_a_point() -> None:
    cases = [make_case(number, (150, 200)) for number in range(3)]
    views = list_views(cases, TILES, minimum_area=4)
    for number in range(3):
        members = [i for view in views if view.case == number for i in view.objects]
        assert sorted(members) == [0, 1]
    both = list_views(cases, ModelRecipe(tile=128, zoom=64), minimum_area=4)
    for number in range(3):
        sides = {
            i: {max(view.window.size) for view in both if view.case == number and i in view.objects}
            for i in range(2)
        }
        assert sides == {0: {64, 128}, 1: {64, 128}}


def test_objects_below_the_minimum_area_are_left_out() -> None:
    assert list_views([make_case(0)], WHOLE, minimum_area=10_000) == ()


def test_masks_are_in_the_pixels_of_the_input_and_the_image_is_padded() -> None:
    sample = dataset([make_case(0, (40, 64))])[0, 7]
    assert pixels_of(sample).shape == (3, 64, 64)
    assert sample.frame.size == (40, 64)
    assert all(mask.shape == (40, 64) and mask.any() for mask in sample.masks)


def test_a_bright_disc_stays_under_its_mask_through_augmentation() -> None:
    data = dataset([make_case(1)], AugmentationRecipe(brightness=0, contrast=0))
    for seed in range(10):
        sample = data[0, seed]
        height, width = sample.frame.size
        picture = pixels_of(sample)[0, :height, :width].numpy()
        inside = np.any(sample.masks, axis=0)
        assert picture[inside].mean() > picture[~inside].mean() + 0.3


def test_the_seed_decides_everything() -> None:
    data = dataset([make_case(2)], AugmentationRecipe())
    first, again, other = data[0, 5], data[0, 5], data[0, 6]
    assert torch.equal(pixels_of(first), pixels_of(again))
    assert not torch.equal(pixels_of(first), pixels_of(other))


def test_the_prompts_of_an_object_depend_on_its_sample_alone() -> None:
    data = dataset([make_case(1), make_case(2)])
    draws = [[rng.random() for rng in data[key].prompt_rngs()] for key in ((0, 5), (1, 5), (0, 6))]
    assert draws[0] == [rng.random() for rng in data[0, 5].prompt_rngs()]
    assert len({draw for sample in draws for draw in sample}) == sum(map(len, draws))


def test_without_images_the_masks_are_the_same_and_no_pixel_is_read() -> None:
    def no_pixels() -> RawImage:
        raise AssertionError("pixels are read for nothing")

    case = make_case(3)
    blind = ViewDataset(
        [replace(case, read_pixels=no_pixels)],
        list_views([case], TILES, minimum_area=4),
        to_unit_range,
        frame_of,
        objects_per_image=4,
        augmentation=None,
        variants=1,
    )
    sample, expected = blind[0, 5], dataset([case])[0, 5]
    assert sample.image is None
    assert sample.frame == expected.frame
    assert all(map(np.array_equal, sample.masks, expected.masks))


def variants_of(case: Case, seed: int) -> ViewDataset:
    return ViewDataset(
        [case],
        list_views([case], WHOLE, minimum_area=4),
        to_unit_range,
        frame_of,
        objects_per_image=4,
        augmentation=AugmentationRecipe(brightness=0, contrast=0),
        variants=5,
        seed=seed,
    )


def test_the_masks_of_a_variant_follow_its_pixels() -> None:
    data = variants_of(make_case(1, (64, 48)), seed=0)
    samples = [data[0, seed] for seed in range(30)]
    assert {sample.variant for sample in samples} == set(range(5))
    for sample in samples:
        picture = data.window_image(0, sample.variant)
        content = frame_of(picture.shape[1:]).image(picture)[0, : sample.frame.size[0]]
        shown = content[:, : sample.frame.size[1]].numpy()
        inside = np.any(sample.masks, axis=0)
        assert shown[inside].mean() > shown[~inside].mean() + 0.3


def test_variants_are_those_of_the_runs_seed_and_the_first_is_the_image_itself() -> None:
    case = make_case(1)
    first, again, other = (variants_of(case, seed) for seed in (3, 3, 4))
    pictures = [[data.window_image(0, n) for n in range(5)] for data in (first, again, other)]
    assert all(map(np.array_equal, pictures[0], pictures[1]))
    assert [np.array_equal(*pair) for pair in zip(pictures[0], pictures[2], strict=True)] == [
        True,
        *[False] * 4,
    ]
    assert np.array_equal(pictures[0][0], case.read_pixels().repeat(3, axis=0) / np.float32(255))


def test_a_dataset_goes_to_another_process() -> None:
    data = variants_of(make_case(1), seed=3)
    data[0, 1], data.window_image(0, 1)  # whatever it remembers
    copy = pickle.loads(pickle.dumps(data))
    assert copy[0, 1].variant == data[0, 1].variant
    assert all(map(np.array_equal, copy[0, 1].masks, data[0, 1].masks))


def test_frames_are_made_by_a_picklable_callable() -> None:
    assert pickle.loads(pickle.dumps(partial(frame_of)))((8, 8)).side == 64


def followed(share: float = 1.0, **values: Any) -> ViewDataset:
    """A disc that moves through three slices, one that ends after the first, and an empty slice."""
    moving = [disc((64, 64), 20, 20 + 3 * index, 9) for index in range(3)]
    ending = disc((64, 64), 48, 48, 8)
    sections = [[(1, moving[0]), (2, ending)], [(1, moving[1])], [(1, moving[2])], []]
    cases = in_parts([make_volume("v", (64, 64), sections)])
    recipe = Recipe(prompts=PromptRecipe(neighbour=share), model=WHOLE)
    options: dict[str, Any] = {"objects_per_image": 4, "augmentation": None} | values
    return ViewDataset(
        cases,
        views_of(cases, recipe),
        to_unit_range,
        frame_of,
        neighbours=NeighbourPrompts(share, recipe.propagation),
        **options,
    )


def test_an_object_is_asked_for_where_the_slice_beside_has_it_too() -> None:
    data = followed()
    sample = data[1, 0]
    assert [prompt is None for prompt in sample.given_prompts()[:2]] == [True, False]
    asked = sample.given[1]
    assert asked is not None
    assert asked.mask_logits is not None
    assert np.array_equal(sample.masks[0], sample.masks[1])
    centres = {round(float(data[1, seed].given[1].box[::2].mean()), -1) for seed in range(20)}  # type: ignore[union-attr, index]
    assert centres == {20.0, 30.0}  # of the slices before and behind, about 20 and 26


def test_an_object_that_has_ended_has_a_prompt_and_an_empty_mask() -> None:
    data = followed()
    samples = [data[1, seed] for seed in range(20)]
    ended = [
        (mask, prompt)
        for sample in samples
        for mask, prompt in zip(sample.masks, sample.given, strict=True)
        if not mask.any()
    ]
    assert 3 <= len(ended) < 20
    assert all(p is not None and abs(p.box[::2].mean() - 48.5) < 3 for _, p in ended)  # type: ignore[index]


def test_a_slice_without_objects_shows_what_has_ended() -> None:
    data = followed()
    last = [index for index, view in enumerate(data.views) if view.case == 3]
    assert [data.views[index].objects for index in last] == [()]
    sample = data[last[0], 0]
    assert len(sample.masks) == 4  # the moving disc in each of three slices, the other in the first
    assert not np.any(sample.masks)


@pytest.mark.parametrize("variants", [None, 3])
def test_prompts_of_the_slice_beside_follow_the_augmentation(variants: int | None) -> None:
    changes = AugmentationRecipe(brightness=0, contrast=0, crop=0.8, flip=0.5, rotate=1.0)
    data = followed(augmentation=changes, variants=variants)
    asked = 0
    for seed in range(30):
        sample = data[1, seed]
        for mask, prompt in zip(sample.masks, sample.given, strict=True):
            if prompt is not None and mask.any():
                assert prompt.mask_logits is not None
                prior = sample.frame.logits(torch.from_numpy(prompt.mask_logits)[None])[0] > 0
                asked += 1
                assert (prior.numpy() & mask).sum() > 0.4 * mask.sum()
    assert asked > 10


def test_followed_samples_are_decided_by_their_key_wherever_they_are_made() -> None:
    data = followed(augmentation=AugmentationRecipe())
    copy = pickle.loads(pickle.dumps(data))
    for key in ((0, 3), (1, 4), (len(data) - 1, 5)):
        first, again = data[key], copy[key]
        assert all(map(np.array_equal, first.masks, again.masks))
        for one, other in zip(first.given_prompts(), again.given_prompts(), strict=True):
            assert (one is None) == (other is None)
            if one is not None and other is not None:
                assert np.array_equal(one.box, other.box)  # type: ignore[arg-type]
                assert np.array_equal(one.mask_logits, other.mask_logits)  # type: ignore[arg-type]


def test_single_images_are_as_without_neighbours() -> None:
    cases = [make_case(number) for number in range(2)]
    plain = dataset(cases, AugmentationRecipe())
    recipe = Recipe(prompts=PromptRecipe(neighbour=1.0), model=TILES)
    assert views_of(cases, recipe) == plain.views
    plain.neighbours = NeighbourPrompts(1.0, recipe.propagation)
    other = dataset(cases, AugmentationRecipe())
    for seed in range(5):
        assert torch.equal(pixels_of(plain[0, seed]), pixels_of(other[0, seed]))
        assert all(map(np.array_equal, plain[0, seed].masks, other[0, seed].masks))
        assert plain[0, seed].given_prompts() == (None,) * len(plain[0, seed].masks)
