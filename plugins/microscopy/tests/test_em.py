from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import samdomains_microscopy.em as plugin
import tifffile

from samdomains.audit.cases import audit_cases
from samdomains.chain import Domain, select_domain
from samdomains.data.parts import in_parts, statistics_of

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "microscopy"


@pytest.fixture(scope="module")
def domain() -> Domain:
    return select_domain("em")


def test_it_reads_and_writes_as_microscopy_does(domain: Domain) -> None:
    winners = {answer.hook: answer.winner for answer in domain.explain()}
    assert winners["load_cases"] == winners["write_masks"] == "domain microscopy"
    assert winners["make_demo_data"] == "domain em"


@pytest.mark.parametrize("name", sorted(plugin.recipes()))
def test_every_recipe_is_valid(domain: Domain, name: str) -> None:
    domain.resolve_recipe(name=name)


def test_the_tile_follows_the_size_of_the_pixels(domain: Domain) -> None:
    assert domain.resolve_recipe().recipe.model.tile == 256
    assert domain.resolve_recipe(name="8nm").recipe.model.tile == 128
    assert domain.resolve_recipe().recipe.data.objects == "components"


def test_the_golden_section_is_stretched_by_its_whole_block(domain: Domain, tmp_path: Path) -> None:
    """0.1 and 99.9 percent of 0, 1, ... 1000 are 1 and 999; a section holds a part of them."""
    block = np.arange(1001 * 12, dtype=np.uint16).reshape(1001, 12).T.reshape(3, 4, 1001) // 12
    tifffile.imwrite(tmp_path / "a.tif", block, photometric="minisblack", metadata=None)
    recipe = domain.resolve_recipe().recipe
    parts = in_parts(domain.load_cases(tmp_path / "a.tif", recipe))
    assert [part.id for part in parts] == ["a@0", "a@1", "a@2"]
    pixels = parts[1].read_pixels()
    image = domain.normalize_intensity(recipe)(pixels, statistics_of(parts[1], pixels))
    assert image.shape == (3, 4, 1001)
    shown = image[:, 0, [0, 1, 250, 500, 999, 1000]]
    np.testing.assert_allclose(shown, [[0.0, 0.0, 0.25, 0.5, 1.0, 1.0]] * 3, atol=2e-3)


def test_the_demo_data_goes_through_the_whole_chain(domain: Domain, tmp_path: Path) -> None:
    recipe = domain.resolve_recipe().recipe
    cases = domain.load_cases(domain.make_demo_data(tmp_path / "demo", 0), recipe)
    assert [case.depth for case in cases] == [4] * 6
    assert {case.split for case in cases} == {"train", "val", "test"}
    audit = audit_cases(in_parts(cases), minimum_area=recipe.data.minimum_area)
    assert not audit.errors
    assert audit.objects >= 40


@pytest.mark.skipif(not REAL.is_dir(), reason="the real sets are not here")
@pytest.mark.parametrize(
    ("name", "classes", "cases", "objects"),
    [
        ("em_membranes", {"object"}, 20, 2340),
        ("em_organelles", {"membranes", "mitochondrion", "vesicles"}, 7, 1731),
    ],
)
def test_real_sections_load(
    domain: Domain, name: str, classes: set[str], cases: int, objects: int
) -> None:
    found = domain.load_cases(REAL / name, domain.resolve_recipe().recipe)
    assert len(found) == cases
    assert set(found[0].classes.values()) == classes
    assert sum(len(case.read_objects()) for case in found if case.read_objects) == objects
