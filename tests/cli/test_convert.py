from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from samdomains.data.sources import load_source
from samdomains.recipe import DataRecipe

if TYPE_CHECKING:
    from samdomains.types import ObjectMask
    from tests.cli.conftest import CallCli


def objects_of(folder: Path) -> dict[str, tuple[ObjectMask, ...]]:
    cases = load_source(folder, DataRecipe())
    return {case.id: case.read_objects() for case in cases if case.read_objects}


def test_there_and_back_nothing_is_lost(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    coco, png = tmp_path / "as coco", tmp_path / "as png"
    result = call("convert", "images", str(labelled_folder), str(coco), "--to", "coco")
    assert (result.exit_code, result.stdout) == (0, f"{coco}\n")
    assert call("convert", "images", str(coco), str(png), "--to", "png").exit_code == 0
    before = objects_of(labelled_folder)
    for folder in (coco, png):
        after = objects_of(folder)
        assert after.keys() == before.keys()
        assert (folder / "splits.json").is_file()
        for case, objects in before.items():
            for old, new in zip(objects, after[case], strict=True):
                assert np.array_equal(old.mask(), new.mask())
                assert old.class_id == new.class_id


def test_an_unknown_format_is_a_wrong_call(
    labelled_folder: Path, tmp_path: Path, call: CallCli
) -> None:
    result = call("convert", "images", str(labelled_folder), str(tmp_path / "x"), "--to", "tiff")
    assert result.exit_code == 2
    assert "'coco', 'png'" in result.stderr
