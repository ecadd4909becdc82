from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from samdomains_products import matting
from samdomains_products.matting import closed_form, cut_out, trimap
from scipy import ndimage

FRONT, BACK = np.array([0.8, 0.15, 0.1]), np.array([0.75, 0.8, 0.85])


def blurred_disc(side: int, blur: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A picture and the opacity of its disc, with the noise of a camera."""
    y, x = np.mgrid[:side, :side] - side / 2
    alpha = ndimage.gaussian_filter((np.hypot(x, y) < 0.3 * side).astype(float), blur)
    image = alpha[..., None] * FRONT + (1 - alpha[..., None]) * BACK
    return np.clip(image + np.random.default_rng(0).normal(0, 0.005, image.shape), 0, 1), alpha


class TestTrimap:
    @given(arrays(np.bool_, (12, 14)), st.floats(2, 6))
    @settings(max_examples=60, deadline=None)
    def test_what_it_knows_the_mask_says_and_something_is_known(
        self, mask: NDArray[np.bool_], width: float
    ) -> None:
        if mask.all() or not mask.any():
            return
        known = trimap(mask, width)
        assert set(np.unique(known)) <= {0.0, 0.5, 1.0}
        assert mask[known == 1].all()
        assert not mask[known == 0].any()
        assert (known == 1).any()
        assert (known == 0).any()

    def test_the_band_has_its_width_on_both_sides(self) -> None:
        mask = np.zeros((1, 40), dtype=bool)
        mask[:, 20:] = True
        assert np.flatnonzero(trimap(mask, 5.0)[0] == 0.5).tolist() == list(range(15, 25))

    def test_a_leg_keeps_a_core_and_a_hair_does_not(self) -> None:
        mask = np.zeros((60, 60), dtype=bool)
        mask[:20] = mask[20:, 10:19] = mask[20:, 40:42] = True
        known = trimap(mask, 8.0)
        assert (known[40, 13:16] == 1).all()
        assert (known[40, 39:43] == 0.5).all()

    def test_an_object_of_one_pixel_is_known(self) -> None:
        mask = np.zeros((9, 9), dtype=bool)
        mask[4, 4] = True
        assert trimap(mask, 3.0)[4, 4] == 1


class TestCutOut:
    @pytest.mark.parametrize("blur", [1.0, 2.0])
    def test_a_soft_edge_is_found_from_the_hard_mask(self, blur: float) -> None:
        image, truth = blurred_disc(256, blur)
        soft = cut_out(image, truth > 0.5)
        hard = np.abs((truth > 0.5) - truth).sum()
        assert np.abs(soft.alpha - truth).sum() < 0.5 * hard

    def test_colours_in_the_edge_are_the_object_s_alone(self) -> None:
        """No halo: where the picture is half background, the cut-out is not."""
        image, truth = blurred_disc(256, 1.5)
        soft = cut_out(image, truth > 0.5)
        edge = (truth > 0.3) & (truth < 0.7)
        halo = np.abs(image[edge] - FRONT).mean()
        assert np.abs(soft.colours[edge] - FRONT).mean() < 0.2 * halo

    def test_far_from_the_contour_nothing_changes(self) -> None:
        image, truth = blurred_disc(128, 1.0)
        mask = truth > 0.5
        soft = cut_out(image, mask)
        inside = ndimage.distance_transform_edt(mask) > 6
        assert (soft.alpha[inside] == 1).all()
        np.testing.assert_allclose(soft.colours[inside], image[inside], atol=0.01)
        assert (soft.alpha[ndimage.distance_transform_edt(~mask) > 6] == 0).all()

    def test_a_large_photo_is_solved_at_a_reduced_size(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image, truth = blurred_disc(600, 2.0)
        whole = cut_out(image, truth > 0.5)
        monkeypatch.setattr(matting, "MOST_PIXELS", 30_000)
        reduced = cut_out(image, truth > 0.5)
        assert np.abs(reduced.alpha - whole.alpha).max() < 0.35
        hard = np.abs((truth > 0.5) - truth).sum()
        assert np.abs(reduced.alpha - truth).sum() < 0.5 * hard
        deep = ndimage.distance_transform_edt(truth > 0.5) > 20
        np.testing.assert_allclose(reduced.colours[deep], image[deep], atol=0.02)

    @pytest.mark.parametrize("filled", [False, True])
    def test_without_a_contour_the_mask_is_the_opacity(self, filled: bool) -> None:
        mask = np.full((5, 6), filled)
        soft = cut_out(np.full((5, 6, 3), 0.5), mask)
        np.testing.assert_array_equal(soft.alpha, mask)

    @pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
    def test_a_constant_picture_is_cut_along_the_mask(self, level: float) -> None:
        mask = np.zeros((40, 50), dtype=bool)
        mask[10:30, 10:40] = True
        alpha = cut_out(np.full((40, 50, 3), level), mask).alpha
        assert (alpha[15:25, 15:35] == 1).all()
        assert alpha[5, 5] == 0
        assert ((alpha >= 0) & (alpha <= 1)).all()

    @given(arrays(np.bool_, (10, 11)))
    @settings(max_examples=20, deadline=None)
    def test_any_mask_gives_opacities(self, mask: NDArray[np.bool_]) -> None:
        image = np.random.default_rng(0).random((10, 11, 3))
        soft = cut_out(image, mask)
        for values in (soft.alpha, soft.colours):
            assert np.isfinite(values).all()
            assert values.min() >= 0
            assert values.max() <= 1


def test_the_golden_edge_is_the_share_of_the_colours() -> None:
    """Between black and white the opacity is the grey level."""
    levels = np.array([0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1])
    image = np.broadcast_to(levels[None, :, None], (7, 11, 3)).copy()
    alpha = closed_form(image, image[..., 0] > 0.4, 2.0)
    np.testing.assert_allclose(alpha[3], levels, atol=0.06)
