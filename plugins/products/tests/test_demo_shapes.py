from __future__ import annotations

import numpy as np
import pytest
from samdomains_products.demo_shapes import SHAPES, outline
from scipy import ndimage


@pytest.mark.parametrize("kind", sorted(SHAPES))
@pytest.mark.parametrize("seed", range(5))
def test_a_product_is_one_piece_of_some_size(kind: str, seed: int) -> None:
    alpha = outline(kind, 120, np.random.default_rng(seed))
    assert alpha.shape == (120, 120)
    assert (alpha.min(), alpha.max()) == (0, 1)
    assert ndimage.label(alpha > 0.5)[1] == 1
    assert 0.1 < (alpha > 0.5).mean() < 0.95


@pytest.mark.parametrize("seed", range(5))
def test_the_background_shows_through_a_handle(seed: int) -> None:
    alpha = outline("mug", 120, np.random.default_rng(seed))
    assert ndimage.label(np.pad(alpha < 0.5, 1, constant_values=True))[1] == 2
