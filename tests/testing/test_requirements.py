from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.discovery import InstalledDomain
from samdomains.testing.requirements import (
    blank_case,
    files_of,
    places,
    require,
    require_light,
    require_range,
    require_slices,
)
from samdomains.types import Case, ObjectMask, RawImage


def volume(order: tuple[int, ...], shift: int = 0) -> Case:
    stack = np.arange(3 * 4 * 5).reshape(1, 3, 4, 5)

    @dataclass(frozen=True)
    class Slices:
        def pixels(self) -> Iterator[tuple[int, RawImage]]:
            return ((number, stack[:, number] + shift) for number in order)

        def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
            raise NotImplementedError

    return Case("scan", "scan", lambda: stack, None, {1: "organ"}, depth=3, slices=Slices())


def test_a_requirement_fails_with_its_message_alone() -> None:
    require(True, "never shown")
    with pytest.raises(pytest.fail.Exception, match=r"^change this$"):
        require(False, "change this")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (volume((0, 1, 2), shift=1), "another slice 0 than read_pixels"),
        (volume((0, 2)), "give each from 0 to 2 once"),
        (volume((0, 1, 1, 2)), "give each from 0 to 2 once"),
    ],
)
def test_slices_that_differ_from_the_volume(case: Case, message: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=message):
        require_slices(case)


@pytest.mark.parametrize("requires", ["", ">=0.1", "<0.3", "!=0.2"])
def test_a_range_of_versions_has_two_ends(requires: str) -> None:
    domain = InstalledDomain("crops", "samdomains-crops", "1.0", "crops", requires=requires)
    with pytest.raises(pytest.fail.Exception, match=r'put "samdomains>=\d+\.\d+,<\d.*" among the'):
        require_range(domain)
    for bounded in (">=0.1,<0.3", "~=0.1.0", "==0.1.0"):
        require_range(replace(domain, requires=bounded))
    require_range(replace(domain, distribution="samdomains"))


def test_slices_may_come_in_any_order() -> None:
    require_slices(volume((2, 0, 1)))


def test_a_case_may_be_as_large_as_a_small_image() -> None:
    case = Case("a", "a", np.zeros, None, {1: "thing"}, geometry=b"0" * 2000)  # type: ignore[arg-type]
    require_light(case, np.zeros((1, 8, 8)))
    with pytest.raises(pytest.fail.Exception, match="it carries them"):
        require_light(
            Case("a", "a", np.zeros, None, {1: "thing"}, geometry=b"0" * 9000),  # type: ignore[arg-type]
            np.zeros((1, 8, 8)),
        )


def test_a_blank_case_reads_what_it_is_given() -> None:
    pixels = np.ones((1, 2, 3))
    assert blank_case(pixels).read_pixels() is pixels


def test_objects_are_compared_by_place_and_pixels_whatever_their_order() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[1:3, 1:3] = True
    first, second = ObjectMask.from_mask(mask), ObjectMask.from_mask(~mask)
    assert places([first, second]) == places([second, first])
    assert places([first]) != places([second])


def test_files_are_read_below_a_folder_or_beside_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(b"1")
    assert files_of(tmp_path) == {"a/b.txt": b"1"}
    assert files_of(tmp_path / "a" / "b.txt") == {"b.txt": b"1"}
