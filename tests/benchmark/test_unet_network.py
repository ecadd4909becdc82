from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from samdomains.benchmark.unet_network import (
    UNetDesign,
    build_unet,
    image_logits,
    padded,
    resized,
)

DESIGN = UNetDesign(
    classes=(1, 2), whole=False, split=True, scale=1.0, side=64, smallest=4, width=2, fine=False
)


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (1, 200), (90, 1), (33, 130)])
def test_an_image_of_any_size_gets_logits_of_its_size(size: tuple[int, int], fine: bool) -> None:
    design = DESIGN.model_copy(update={"fine": fine})
    net = build_unet(design).eval()
    image = np.random.default_rng(0).random((3, *size), dtype=np.float32)
    logits = image_logits(net, design, image)
    assert logits.shape == (4, *size)
    assert np.isfinite(logits).all()


def test_an_image_is_looked_at_in_the_scale_of_the_design() -> None:
    design = DESIGN.model_copy(update={"scale": 0.25})
    seen: list[torch.Tensor] = []
    net = build_unet(design).eval()
    net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    assert image_logits(net, design, np.zeros((3, 200, 240), dtype=np.float32)).shape == (
        4,
        200,
        240,
    )
    assert {tuple(part.shape) for part in seen} == {(1, 3, 64, 64)}


def test_a_small_image_is_mirrored_at_its_end() -> None:
    image = np.arange(3, dtype=np.float32)[None, None]
    assert padded(image, 5)[0].tolist() == [[0, 1, 2, 2, 1]] * 5
    assert padded(image, 1) is image


def test_an_even_image_stays_even_in_another_size() -> None:
    image = np.full((3, 7, 9), 0.25, dtype=np.float32)
    assert resized(image, (4, 20)) == pytest.approx(np.full((3, 4, 20), 0.25))


def test_a_design_refuses_a_side_that_the_network_cannot_halve() -> None:
    with pytest.raises(ValidationError, match="side"):
        UNetDesign.model_validate(DESIGN.model_dump() | {"side": 100})
