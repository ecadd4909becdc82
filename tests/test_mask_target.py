from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from samdomains.errors import UsageError
from samdomains.mask_target import Target, recipe_for
from samdomains.recipe import Recipe
from samdomains.types import Case, ObjectMask


@dataclass(frozen=True)
class Writer:
    suffix: str

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        assert not objects
        path = out / f"{case.id}{self.suffix}"
        path.write_text(case.id)
        return [path]


def a_case(depth: int | None = None) -> Case:
    return Case("scan", "scan", list, None, {1: "liver"}, depth=depth)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "output"),
    [("a.nii.gz", "nifti"), ("a.nii", "nifti"), ("a.PNG", "png"), ("a.tif", "native")],
)
def test_the_name_of_a_file_asks_for_its_format(name: str, output: str) -> None:
    assert recipe_for(Recipe(), Path(name)).data.output == output


def test_what_the_user_sets_is_stronger_than_the_name() -> None:
    recipe = Recipe.model_validate({"data": {"output": "coco"}})
    assert recipe_for(recipe, Path("a.png")).data.output == "coco"


def test_masks_get_the_name_that_was_given(tmp_path: Path) -> None:
    target = Target.of(tmp_path / "new" / "liver.nii.gz", [a_case(3)])
    assert target.write(Writer(".nii.gz"), a_case(3), []) == [tmp_path / "new" / "liver.nii.gz"]
    assert (tmp_path / "new" / "liver.nii.gz").read_text() == "liver"


@pytest.mark.parametrize("depth", [None, 3])
def test_masks_of_another_kind_overwrite_nothing(tmp_path: Path, depth: int | None) -> None:
    (tmp_path / "liver.mha").write_text("of another scan")
    target = Target.of(tmp_path / "liver.nrrd", [a_case(depth)])
    with pytest.raises(UsageError, match=r"masks are written as \.mha\. Name such a file"):
        target.write(Writer(".mha"), a_case(depth), [])
    assert (tmp_path / "liver.mha").read_text() == "of another scan"
    kept = list(tmp_path.glob("liver_masks_*/liver.mha"))
    assert len(kept) == (0 if depth is None else 1)


def test_one_file_is_not_for_several_images(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one file cannot hold the masks of 2 images"):
        Target.of(tmp_path / "a.png", [a_case(), a_case()])
