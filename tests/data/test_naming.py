from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from samdomains.data.naming import image_file, mask_file, name_some, named_case, named_errors
from samdomains.errors import HookError
from samdomains.types import Case


def case(*files: str) -> Case:
    return Case(
        id="a",
        group="a",
        read_pixels=lambda: np.zeros((1, 2, 2)),
        read_objects=None,
        classes={},
        files=tuple(Path(file) for file in files),
    )


def test_a_case_without_files_goes_by_its_id() -> None:
    assert image_file(case()) == mask_file(case()) == Path("a")


def test_the_mask_file_is_named_only_where_there_is_exactly_one() -> None:
    assert mask_file(case("image.png", "mask.png")) == Path("mask.png")
    assert mask_file(case("image.png", "mask_0.png", "mask_1.png")) == Path("image.png")


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a, b"), (["a", "b", "c", "d"], "a, b and 2 more")],
)
def test_long_lists_are_cut_and_counted(names: list[str], text: str) -> None:
    assert name_some(names, most=2) == text


def test_the_fault_of_a_plugin_gets_the_case_and_its_file() -> None:
    told = r"^case 'a' \(images/a\.png\): it failed$"
    with pytest.raises(HookError, match=told), named_errors(case("images/a.png")):
        raise HookError("it failed")
    with pytest.raises(HookError, match=r"^case 'b': it failed$"), named_case("b"):
        raise HookError("it failed")
