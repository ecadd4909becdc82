from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide

from samdomains.sam.frame import PADDING_LOGIT, Frame, encode
from samdomains.types import ObjectMask, Prompts

sizes = st.tuples(st.integers(1, 200), st.integers(1, 200))


@given(size=sizes, side=st.sampled_from([64, 256]))
def test_points_and_boxes_map_as_the_official_transform_maps_them(
    size: tuple[int, int], side: int
) -> None:
    frame, official = Frame(size, side, side // 2), ResizeLongestSide(side)
    if min(official.get_preprocess_shape(*size, side)) < 1:
        return  # the official code loses an image as thin as this one
    points = np.array([[0, 0], [size[1] - 1, size[0] - 1]], dtype=np.float32)
    np.testing.assert_allclose(frame.points(points), official.apply_coords(points, size), rtol=1e-6)
    box = np.array([0, 0, size[1], size[0]], dtype=np.float32)
    np.testing.assert_allclose(frame.box(box), official.apply_boxes(box[None], size)[0], rtol=1e-6)


@given(size=sizes)
def test_the_whole_image_fills_the_frame_along_its_longest_side(size: tuple[int, int]) -> None:
    frame = Frame(size, 64, 32)
    assert max(frame.resized) == 64
    assert frame.content().sum() == frame.resized[0] * frame.resized[1]


def test_encoding_pads_and_normalises_as_the_official_model_does(miniature: Sam) -> None:
    image = np.random.default_rng(0).random((3, 64, 40), dtype=np.float32)
    frame = Frame.of(miniature, (64, 40))
    ours = encode(miniature, frame.image(image)[None], frame.content()[None])
    official = miniature.image_encoder(miniature.preprocess(torch.from_numpy(image)[None] * 255))
    torch.testing.assert_close(ours, official, rtol=1e-4, atol=1e-5)


@given(size=st.tuples(st.integers(8, 90), st.integers(8, 90)))
def test_logits_come_back_at_image_size_as_the_official_post_processing_gives_them(
    size: tuple[int, int],
) -> None:
    frame = Frame(size, 64, 32)
    low = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 32, 32)).astype(np.float32))
    height, width = frame.resized
    square = torch.nn.functional.interpolate(
        low[:, None], (64, 64), mode="bilinear", align_corners=False
    )
    expected = torch.nn.functional.interpolate(
        square[..., :height, :width], size, mode="bilinear", align_corners=False
    )[:, 0]
    torch.testing.assert_close(frame.logits(low), expected)


def test_a_mask_becomes_the_share_of_each_low_resolution_cell() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:, :3] = True
    target = Frame((64, 64), 64, 32).target(mask)
    assert target[5, 0] == 1.0
    assert target[5, 1] == 0.5
    assert target[5, 2:].sum() == 0


def test_a_mask_prompt_of_image_size_is_padded_like_the_image() -> None:
    frame = Frame((32, 64), 64, 32)
    prompts = Prompts(prior=np.full((32, 64), 6.0, dtype=np.float32))
    framed = frame.prompts(prompts).mask_logits
    assert framed is not None
    assert framed.shape == (32, 32)
    assert np.all(framed[:16] == 6.0)
    assert np.all(framed[16:] == PADDING_LOGIT)


def test_a_mask_prompt_that_is_already_low_resolution_stays_as_it_is() -> None:
    low = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    framed = Frame((50, 70), 64, 32).prompts(Prompts(mask_logits=low)).mask_logits
    assert framed is low


@given(
    size=st.tuples(st.integers(4, 120), st.integers(4, 120)),
    corner=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
)
def test_the_box_of_a_mask_maps_to_the_box_of_the_mapped_mask(
    size: tuple[int, int], corner: tuple[float, float]
) -> None:
    y, x = int(corner[0] * size[0]), int(corner[1] * size[1])
    mask = np.zeros(size, dtype=bool)
    mask[y : y + max(1, size[0] // 3), x : x + max(1, size[1] // 3)] = True
    frame = Frame(size, 64, 64)
    covered = frame.target(mask).numpy() > 0
    mapped = frame.box(ObjectMask.from_mask(mask).box)
    cells = ObjectMask.from_mask(covered).box
    assert np.all(np.abs(mapped - cells) <= 1.0 + 1e-3)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1)])
def test_extreme_shapes_keep_at_least_one_pixel(size: tuple[int, int]) -> None:
    frame = Frame(size, 64, 32)
    image = np.ones((3, *size), dtype=np.float32)
    assert frame.image(image).shape == (3, 64, 64)
    assert frame.logits(torch.zeros(1, 32, 32)).shape == (1, *size)
