from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samdomains_satellite.satellite as plugin
from samdomains_satellite.intensity import NodataNormalizer
from samdomains_satellite.writers import SceneWriter

from samdomains.audit.cases import audit_cases
from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics
from samdomains.plugin import Case, PercentileStretch, Recipe, RecipeError

PACKAGE = Path(plugin.__file__).parent
REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "satellite"


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("satellite")


def test_it_is_found_through_its_entry_point(domain: Domain) -> None:
    assert domain.distribution == "samdomains-satellite"


@pytest.mark.parametrize("file", sorted(PACKAGE.glob("*.py")), ids=lambda file: file.name)
def test_it_imports_nothing_of_the_core_but_the_plugin_module(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.split(".")[0] != "samdomains" or name == "samdomains.plugin"


@pytest.mark.parametrize("name", ["satellite", "infrared"])
def test_importing_a_domain_imports_neither_torch_nor_gdal(name: str) -> None:
    code = f"import sys, samdomains_satellite.{name} as _; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"torch", "rasterio"} & {*result.stdout.split()}


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_default_recipe_stretches_as_maps_do(domain: Domain) -> None:
    resolved = domain.resolve_recipe()
    assert (resolved.recipe.intensity.lower, resolved.recipe.intensity.upper) == (2.0, 98.0)
    assert resolved.recipe.data.objects == "components"
    assert resolved.recipe.model.tile == 256
    assert resolved.origins["model.tile"] == "domain satellite, recipe default"
    sentinel = domain.resolve_recipe(name="sentinel2").recipe.intensity
    assert (sentinel.method, sentinel.lower, sentinel.upper) == ("range", 0.0, 3000.0)


def test_its_own_hooks_are_these(domain: Domain) -> None:
    own = {
        answer.hook
        for answer in domain.explain()
        if any(layer.layer == "domain satellite" for layer in answer.implementations)
    }
    reading = {"load_cases", "normalize_intensity"}
    assert own == reading | {"write_masks", "recipes", "benchmarks", "make_demo_data"}


@pytest.mark.parametrize("output", ["native", "geotiff", "geojson", "png", "coco"])
def test_masks_are_written_in_these_formats(domain: Domain, output: str) -> None:
    recipe = Recipe.model_validate({"data": {"output": output}})
    assert domain.write_masks(recipe) == SceneWriter(recipe.data.output)


def test_masks_are_written_in_no_other_format(domain: Domain) -> None:
    other = Recipe.model_validate({"data": {"output": "nifti"}})
    with pytest.raises(RecipeError, match=r"data\.output is nifti.*allowed: native"):
        domain.write_masks(other)


def test_the_golden_scene_is_stretched_between_2_and_98_percent_without_nodata(
    domain: Domain, tmp_path: Path, save: Callable[..., Path]
) -> None:
    """Of 1, 2, ... 1001 these are 21 and 981; zeros hold nothing, and change nothing."""
    ramp = np.arange(1, 1002, dtype=np.uint16)
    bands = np.zeros((4, 2, 1001), np.uint16)
    bands[:, 0] = ramp
    bands[3] = 60_000
    recipe = domain.resolve_recipe().recipe
    (case,) = domain.load_cases(save(tmp_path / "a.tif", bands, nodata=0), recipe)
    normalize = domain.normalize_intensity(recipe)
    assert normalize == NodataNormalizer(PercentileStretch(2, 98))
    pixels = case.read_pixels()
    image = normalize(pixels, case_statistics(pixels))
    assert (image.shape, image.dtype) == ((3, 2, 1001), np.float32)
    shown = image[:, 0, [0, 20, 260, 500, 980, 1000]]
    np.testing.assert_allclose(shown, [[0.0, 0.0, 0.25, 0.5, 1.0, 1.0]] * 3, atol=1e-6)
    assert not image[:, 1].any()


def test_a_band_that_the_scene_lacks_is_said(domain: Domain) -> None:
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    statistics = case_statistics(pixels)
    with pytest.raises(RecipeError, match=r"2 channels.*set intensity\.channels"):
        domain.normalize_intensity(domain.resolve_recipe().recipe)(pixels, statistics)
    infrared = domain.resolve_recipe(name="false_colour").recipe
    with pytest.raises(RecipeError, match=r"channel 3, but the image has 2; allowed: 0 to 1"):
        domain.normalize_intensity(infrared)(pixels, statistics)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert {case.split for case in cases} == {"train", "val", "test"}
    audit = audit_cases(cases, minimum_area=recipe.data.minimum_area)
    assert not audit.errors
    assert audit.per_class["building"] >= 60
    pixels = cases[0].read_pixels()
    image = domain.normalize_intensity(recipe)(pixels, case_statistics(pixels))
    assert [channel.max() for channel in image] == [1.0, 1.0, 1.0]


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
class TestRealSets:
    @pytest.mark.parametrize(
        ("name", "cases", "objects"),
        [
            ("buildings_geotiff", 28, 256),
            ("fields_sentinel2", 6, 267),
            ("buildings_coco", 40, 135),
            ("roads_png", 18, 24),
        ],
    )
    def test_they_load_without_errors(
        self, domain: Domain, name: str, cases: int, objects: int
    ) -> None:
        recipe = domain.resolve_recipe().recipe
        found = domain.load_cases(REAL / name, recipe)
        audit = audit_cases(found, minimum_area=recipe.data.minimum_area)
        assert (audit.cases, audit.objects, audit.errors) == (cases, objects, ())
        assert all((case.windows is not None) == (case.geometry is not None) for case in found)

    def test_footprints_in_degrees_cover_the_instances_drawn_from_them(
        self, domain: Domain
    ) -> None:
        recipe = domain.resolve_recipe().recipe
        rasters = domain.load_cases(REAL / "buildings_geotiff", recipe)
        footprints = domain.load_cases(REAL / "buildings_geotiff" / "footprints.geojson", recipe)
        dice = []
        for raster, polygons in zip(rasters, footprints, strict=True):
            one, other = _foreground(raster), _foreground(polygons)
            total = one.sum() + other.sum()
            dice += [2 * (one & other).sum() / total] if total else []
        assert np.mean(dice) > 0.999


def _foreground(case: Case) -> np.ndarray:
    assert case.read_objects is not None
    objects = case.read_objects()
    masks = [item.mask() for item in objects]
    return np.logical_or.reduce(masks) if masks else np.zeros(case.read_pixels().shape[1:], bool)
