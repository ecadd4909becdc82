from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.data.object_files import load_objects, save_objects
from samdomains.types import ObjectMask


@given(seed=st.integers(0, 999), count=st.integers(0, 5))
def test_objects_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int
) -> None:
    rng = np.random.default_rng(seed)
    objects = []
    for i in range(count):
        mask = rng.random((rng.integers(1, 20), rng.integers(1, 20))) < 0.4
        mask[0, 0] = True
        score = None if i % 2 else float(rng.random())
        objects.append(replace(ObjectMask.from_mask(mask, class_id=i + 1), score=score))
    path = tmp_path_factory.mktemp("kept") / "tile.npz"
    save_objects(path, objects)
    back = load_objects(path)
    assert len(back) == count
    for before, after in zip(objects, back, strict=True):
        np.testing.assert_array_equal(before.mask(), after.mask())
        assert (before.class_id, before.score, before.box.tolist()) == (
            after.class_id,
            after.score,
            after.box.tolist(),
        )


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tile.npz").write_bytes(b"PK damaged")
    with pytest.raises((ValueError, OSError)):
        load_objects(tmp_path / "tile.npz")
