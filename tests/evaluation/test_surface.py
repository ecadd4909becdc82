from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from monai.metrics import (
    compute_average_surface_distance,
    compute_hausdorff_distance,
    compute_surface_dice,
)
from scipy import ndimage

from samdomains.evaluation.surface import (
    Solid,
    Spacing,
    VolumeMeasures,
    measure_sections,
    measure_volume,
)
from samdomains.files import write_json
from samdomains.types import ObjectMask

solids = arrays.arrays(np.bool_, (4, 5, 6)).filter(lambda mask: bool(mask.any()))
spacings = st.tuples(*[st.floats(0.3, 9.0)] * 3)
shapes = st.sampled_from([(9, 14, 12), (1, 14, 12)])


def ball(radius: float, spacing: Spacing, centre: tuple[float, ...] = (0, 0, 0)) -> Solid:
    """A sphere in a box of 60 mm about the origin; the centre in mm."""
    axes = [np.arange(-30, 30 + step / 2, step) for step in spacing]
    places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return np.asarray(np.linalg.norm(places - np.array(centre), axis=-1) <= radius)


def blobs(shape: tuple[int, ...], seed: int) -> Solid:
    """A few smooth objects, some of them cut off by the volume's edge."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)
    return np.asarray(noise > np.quantile(noise, 0.6))


def sections(mask: Solid) -> list[ObjectMask]:
    """The cross-sections of a mask, from the last slice to the first."""
    found = [(z, plane) for z, plane in enumerate(mask) if plane.any()]
    return [replace(ObjectMask.from_mask(plane), slice_index=z) for z, plane in found[::-1]]


class TestMonai:
    @settings(max_examples=20)
    @given(st.integers(0, 2**32), shapes, spacings, st.sampled_from([0.5, 2.0, 5.0]))
    def test_distances_and_surface_dice_are_those_of_monai(
        self, seed: int, shape: tuple[int, int, int], spacing: Spacing, tolerance: float
    ) -> None:
        prediction, truth = blobs(shape, seed), blobs(shape, seed + 1)
        found = measure_volume(prediction, truth, spacing=spacing, tolerance_mm=tolerance)
        flat = shape[0] == 1  # a single slice is a picture
        steps = spacing[1:] if flat else spacing
        one, other = (
            torch.from_numpy(mask[0] if flat else mask)[None, None] for mask in (prediction, truth)
        )
        hd95 = compute_hausdorff_distance(
            one, other, include_background=True, percentile=95, spacing=steps
        )
        assd = compute_average_surface_distance(
            one, other, include_background=True, symmetric=True, spacing=steps
        )
        nsd = compute_surface_dice(
            one, other, [tolerance], include_background=True, spacing=steps, use_subvoxels=True
        )
        assert found.hd95_mm == pytest.approx(hd95.item(), rel=1e-5)
        assert found.assd_mm == pytest.approx(assd.item(), rel=1e-5)
        assert found.nsd == pytest.approx(nsd.item(), rel=1e-5)


class TestSpheres:
    @pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 1.25)])
    def test_a_shifted_sphere_is_as_far_away_as_it_was_shifted(self, spacing: Spacing) -> None:
        truth = ball(20.0, spacing)
        shifted = ball(20.0, spacing, (5.0, 0.0, 0.0))
        found = measure_volume(shifted, truth, spacing=spacing, tolerance_mm=5.0)
        volume = 4 / 3 * math.pi * 20**3 / 1000
        shared = math.pi * (4 * 20 + 5) * (2 * 20 - 5) ** 2 / 12 / 1000  # two spherical caps
        assert found.volume_ml == pytest.approx(volume, rel=0.01)
        assert found.dice == pytest.approx(shared / volume, rel=0.01)
        assert found.iou == pytest.approx(shared / (2 * volume - shared), rel=0.01)
        # Of a sphere's area, 95 percent lies where the shift is seen at up to 0.95 of its length.
        assert found.hd95_mm == pytest.approx(0.95 * 5, abs=0.6 * max(spacing))
        assert found.assd_mm == pytest.approx(2.5, abs=0.5)
        assert found.nsd == 1.0
        assert found.volume_difference_ml == pytest.approx(0, abs=0.01 * volume)

    def test_concentric_spheres_are_apart_by_the_difference_of_their_radii(self) -> None:
        spacing = (2.5, 0.8, 1.25)
        inner, outer = ball(20.0, spacing), ball(24.0, spacing)
        found = measure_volume(outer, inner, spacing=spacing, tolerance_mm=6.0)
        assert found.hd95_mm == pytest.approx(4.0, abs=1.0)
        assert found.assd_mm == pytest.approx(4.0, abs=0.5)
        assert found.nsd == 1.0
        assert found.volume_difference == pytest.approx((24 / 20) ** 3 - 1, rel=0.02)
        assert found.volume_difference_ml == pytest.approx(
            4 / 3 * math.pi * (24**3 - 20**3) / 1000, rel=0.02
        )
        near = measure_volume(outer, inner, spacing=spacing, tolerance_mm=2.0)
        assert near.nsd == pytest.approx(0.0, abs=0.02)

    def test_a_box_shifted_by_a_slice_has_the_surface_dice_of_its_sides(self) -> None:
        truth = np.zeros((60, 60, 60), dtype=bool)
        truth[10:50, 10:50, 10:50] = True
        found = measure_volume(
            np.roll(truth, 1, axis=0), truth, spacing=(3.0, 1.0, 1.0), tolerance_mm=1.0
        )
        sides, ends = 4 * 40 * 40 * 3, 2 * 40 * 40  # areas in mm²
        assert found.nsd == pytest.approx(sides / (sides + ends), abs=0.02)
        assert found.hd95_mm == 3.0


class TestProperties:
    @given(solids, solids, spacings)
    def test_distances_are_symmetric_and_the_difference_of_volumes_is_not(
        self, one: Solid, other: Solid, spacing: Spacing
    ) -> None:
        forth = measure_volume(one, other, spacing=spacing, tolerance_mm=1.0)
        back = measure_volume(other, one, spacing=spacing, tolerance_mm=1.0)
        for name in ("dice", "iou", "nsd", "hd95_mm", "assd_mm"):
            assert getattr(forth, name) == pytest.approx(getattr(back, name))
        assert forth.volume_difference_ml == pytest.approx(-back.volume_difference_ml)

    @given(solids, spacings)
    def test_an_object_is_at_no_distance_from_itself(self, mask: Solid, spacing: Spacing) -> None:
        found = measure_volume(mask, mask, spacing=spacing, tolerance_mm=0.1)
        assert (found.dice, found.iou, found.nsd) == (1.0, 1.0, 1.0)
        assert (found.hd95_mm, found.assd_mm, found.volume_difference_ml) == (0.0, 0.0, 0.0)

    @given(solids, solids, st.tuples(*[st.tuples(*[st.integers(0, 2)] * 2)] * 3))
    def test_background_around_changes_nothing(
        self, one: Solid, other: Solid, room: tuple[tuple[int, int], ...]
    ) -> None:
        spacing = (4.0, 0.7, 1.5)
        narrow = measure_volume(one, other, spacing=spacing, tolerance_mm=1.0)
        wide = measure_volume(
            np.pad(one, room), np.pad(other, room), spacing=spacing, tolerance_mm=1.0
        )
        assert asdict(wide) == pytest.approx(asdict(narrow))

    @given(solids, solids, spacings, st.floats(0.1, 10.0))
    def test_lengths_grow_with_the_spacing_and_shares_stay(
        self, one: Solid, other: Solid, spacing: Spacing, factor: float
    ) -> None:
        small = measure_volume(one, other, spacing=spacing, tolerance_mm=1.234)
        z, y, x = (step * factor for step in spacing)
        large = measure_volume(one, other, spacing=(z, y, x), tolerance_mm=1.234 * factor)
        assert large.nsd == pytest.approx(small.nsd, rel=1e-5)
        assert large.hd95_mm == pytest.approx(small.hd95_mm * factor)
        assert large.assd_mm == pytest.approx(small.assd_mm * factor)
        assert large.volume_ml == pytest.approx(small.volume_ml * factor**3)

    @given(arrays.arrays(np.bool_, (4, 5, 6)), arrays.arrays(np.bool_, (4, 5, 6)))
    def test_cross_sections_are_measured_as_the_whole_masks_are(
        self, one: Solid, other: Solid
    ) -> None:
        whole = measure_volume(one, other, spacing=(4.0, 0.7, 1.5), tolerance_mm=1.0)
        found = measure_sections(
            sections(one), sections(other), depth=4, spacing=(4.0, 0.7, 1.5), tolerance_mm=1.0
        )
        assert asdict(found) == pytest.approx(asdict(whole), nan_ok=True)


class TestWhatIsNotThere:
    full = np.ones((2, 3, 3), dtype=bool)
    empty = np.zeros((2, 3, 3), dtype=bool)

    def measured(
        self, prediction: Solid, truth: Solid, spacing: Spacing | None = (2.0, 1.0, 1.0)
    ) -> VolumeMeasures:
        return measure_volume(prediction, truth, spacing=spacing, tolerance_mm=1.0)

    @pytest.mark.parametrize(
        ("prediction", "outcome"), [("full", "false_alarm"), ("empty", "absent")]
    )
    def test_an_absent_structure_scores_nan(self, prediction: str, outcome: str) -> None:
        found = asdict(self.measured(getattr(self, prediction), self.empty))
        assert found.pop("outcome") == outcome
        assert all(math.isnan(value) for value in found.values())

    def test_a_missed_object_scores_zero_and_has_no_distance(self) -> None:
        found = self.measured(self.empty, self.full)
        assert (found.outcome, found.dice, found.iou, found.nsd) == ("missed", 0.0, 0.0, 0.0)
        assert math.isnan(found.hd95_mm)
        assert math.isnan(found.assd_mm)
        assert found.volume_difference_ml == pytest.approx(-0.036)
        assert found.volume_difference == -1.0

    def test_without_spacing_nothing_is_in_millimetres(self) -> None:
        found = self.measured(self.full, self.full, None)
        assert (found.dice, found.iou, found.volume_difference) == (1.0, 1.0, 0.0)
        lengths = (found.nsd, found.hd95_mm, found.assd_mm, found.volume_ml)
        assert all(math.isnan(value) for value in lengths)
        assert math.isnan(self.measured(self.empty, self.full, None).nsd)

    def test_an_object_that_fills_the_volume_ends_at_its_edge(self) -> None:
        found = self.measured(self.full, self.full)
        assert (found.hd95_mm, found.nsd) == (0.0, 1.0)

    def test_an_object_of_one_slice_in_a_deep_volume_is_flat_and_not_a_picture(self) -> None:
        deep = np.zeros((5, 6, 6), dtype=bool)
        deep[2, 1:5, 1:5] = True
        found = self.measured(np.roll(deep, 1, axis=0), deep)
        assert (found.dice, found.hd95_mm) == (0.0, 2.0)


def test_measures_come_back_from_json(tmp_path: Path) -> None:
    missed = measure_volume(
        np.zeros((2, 3, 3), dtype=bool),
        np.ones((2, 3, 3), dtype=bool),
        spacing=(2.0, 1.0, 1.0),
        tolerance_mm=1.0,
    )
    write_json(tmp_path / "a.json", asdict(missed))
    again = VolumeMeasures.from_json(json.loads((tmp_path / "a.json").read_text()))
    assert asdict(again) == pytest.approx(asdict(missed), nan_ok=True)


class TestBadInput:
    mask = np.ones((2, 3, 3), dtype=bool)

    def test_masks_of_other_shapes_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"\(2, 3, 3\) and \(1, 3, 3\)"):
            measure_volume(self.mask, self.mask[:1], spacing=None, tolerance_mm=1.0)
        with pytest.raises(ValueError, match="are \\(Z, H, W\\)"):
            measure_volume(self.mask[0], self.mask[0], spacing=None, tolerance_mm=1.0)

    @pytest.mark.parametrize(
        ("spacing", "tolerance"),
        [((0.0, 1.0, 1.0), 1.0), ((1.0, math.nan, 1.0), 1.0), (None, 0.0), (None, math.inf)],
    )
    def test_lengths_that_are_none_are_refused(
        self, spacing: Spacing | None, tolerance: float
    ) -> None:
        with pytest.raises(ValueError, match="positive lengths in mm"):
            measure_volume(self.mask, self.mask, spacing=spacing, tolerance_mm=tolerance)

    @pytest.mark.parametrize("index", [None, -1, 2])
    def test_sections_outside_the_volume_are_refused(self, index: int | None) -> None:
        outside = replace(ObjectMask.from_mask(self.mask[0]), slice_index=index)
        with pytest.raises(ValueError, match="slice from 0 to 1, got"):
            measure_sections([outside], [], depth=2, spacing=None, tolerance_mm=1.0)

    def test_sections_of_slices_of_other_sizes_are_refused(self) -> None:
        found = sections(self.mask), sections(np.ones((2, 3, 4), dtype=bool))
        with pytest.raises(ValueError, match=r"\(3, 3\), \(3, 4\)"):
            measure_sections(*found, depth=2, spacing=None, tolerance_mm=1.0)
