"""The checks that every domain must pass."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from samdomains.plugin import Case, image_file
from samdomains.testing import DomainConformance, Subject


class TestProducts(DomainConformance):
    unfit = {"clothing": "the demo data has one class"}  # noqa: RUF012 (a constant)

    @pytest.fixture
    def domain(self) -> str:
        return "products"

    def labelled_again(self, subject: Subject, case: Case, folder: Path) -> Sequence[Case]:
        """Beside the cut-outs there are hard masks, in ``masks/``."""
        file = image_file(case)
        (folder / "images").mkdir()
        shutil.copy(file, folder / "images" / file.name)
        objects = case.read_objects() if case.read_objects else ()
        subject.domain.write_masks(subject.recipe)(case, objects, folder / "cutouts")
        (folder / "cutouts" / "masks").rename(folder / "masks")
        shutil.rmtree(folder / "cutouts")
        return subject.domain.load_cases(folder, subject.recipe)
