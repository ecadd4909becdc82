from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import samdomains_satellite.infrared as plugin
from PIL import Image as PillowImage

from samdomains.audit.cases import audit_cases
from samdomains.chain import Domain, select_domain
from samdomains.data.statistics import case_statistics

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "infrared"


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("infrared")


def test_it_reads_and_writes_as_satellite_does(domain: Domain) -> None:
    winners = {answer.hook: answer.winner for answer in domain.explain()}
    for hook in ("load_cases", "write_masks", "normalize_intensity"):
        assert winners[hook] == "domain satellite"
    assert winners["make_demo_data"] == "domain infrared"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_small_targets_are_looked_at_closely(domain: Domain) -> None:
    recipe = domain.resolve_recipe(name="small_targets").recipe
    assert (recipe.model.tile, recipe.model.finest_window) == (128, 32)
    assert recipe.data.objects == "components"


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_grey_levels_and_temperatures_are_one_channel(
    domain: Domain, tmp_path: Path, save: Callable[..., Path], dtype: str
) -> None:
    values = np.arange(12, dtype=dtype).reshape(3, 4)
    save(tmp_path / "a.tif", values, crs=None, transform=None)
    if dtype != "float32":
        PillowImage.fromarray(values).save(tmp_path / "b.png")
    for case in domain.load_cases(tmp_path, domain.resolve_recipe().recipe):
        pixels = case.read_pixels()
        assert pixels.dtype == dtype
        np.testing.assert_array_equal(pixels, values[None])


def test_the_golden_image_keeps_a_small_target_brighter_than_the_ground(domain: Domain) -> None:
    """Of 0, 1, ... 9999 degrees 0.1 and 99.9 percent are 10 and 9989; 40 pixels are the target."""
    pixels = np.arange(10_000, dtype=np.float32).reshape(1, 100, 100)
    pixels[0, 50, :5] = 20_000
    image = domain.normalize_intensity(domain.resolve_recipe().recipe)(
        pixels, case_statistics(pixels)
    )
    shown = image[:, [0, 25, 50, 50, 99], [0, 0, 0, 50, 0]]
    expected = [0.0, (2500 - 10) / 9984, 1.0, (5050 - 10) / 9984, (9900 - 10) / 9984]
    np.testing.assert_allclose(shown, [expected] * 3, atol=2e-3)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert {case.split for case in cases} == {"train", "val", "test"}
    audit = audit_cases(cases, minimum_area=recipe.data.minimum_area)
    assert not audit.errors
    assert audit.objects >= 40


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
@pytest.mark.parametrize(("name", "cases"), [("small_targets", 68), ("udder_thermal", 40)])
def test_real_sets_load_without_errors(domain: Domain, name: str, cases: int) -> None:
    recipe = domain.resolve_recipe().recipe
    audit = audit_cases(domain.load_cases(REAL / name, recipe)[:8], minimum_area=4)
    assert not audit.errors
    assert len(domain.load_cases(REAL / name, recipe)) == cases
