from __future__ import annotations

import pytest
import torch

from samdomains.sam.stem import ConvStem


@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_stem_gives_one_token_for_each_patch_of_8_pixels(size: tuple[int, int]) -> None:
    tokens = ConvStem(40)(torch.randn(2, 3, *size))
    assert tokens.shape == (2, size[0] // 8, size[1] // 8, 40)


def test_every_weight_of_the_stem_learns() -> None:
    torch.manual_seed(0)
    stem = ConvStem(24)
    stem(torch.randn(1, 3, 32, 32)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in stem.parameters())


def test_a_token_sees_beyond_its_patch() -> None:
    torch.manual_seed(0)
    stem, image = ConvStem(24), torch.zeros(1, 3, 64, 64)
    changed = image.clone()
    changed[..., 16:24, 16:24] = 1.0
    difference = (stem(changed) - stem(image)).detach().abs().sum(dim=-1)[0]
    assert difference[2, 2] > 0
    assert difference[2, 3] > 0
