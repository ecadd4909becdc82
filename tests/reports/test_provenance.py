"""Which data, which command, which machine."""

from __future__ import annotations

import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from samdomains.data.parts import in_parts
from samdomains.reports.provenance import (
    DataHash,
    command_line,
    cpu_name,
    data_hash,
    energy_line,
    hardware,
    peak_memory,
)
from samdomains.types import Case
from tests.volume_making import ball


def case(*files: Path) -> Case:
    return Case("c", "c", lambda: np.zeros((1, 2, 2)), None, {}, files=files)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images/b.png", "images/a.png", "masks/a.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def hashed(folder: Path) -> DataHash:
    images, masks = folder / "images", folder / "masks"
    found = data_hash([case(images / "b.png"), case(images / "a.png", masks / "a.png")])
    assert found is not None
    return found


class TestDataHash:
    def test_it_is_that_of_sha256sum(self, folder: Path) -> None:
        if shutil.which("sha256sum") is None:
            pytest.skip("needs sha256sum")
        words = "(find . -type f | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum) | sha256sum"
        printed = subprocess.run(
            ["sh", "-c", words], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        assert hashed(folder).sha256 == printed.split()[0]

    def test_the_place_of_the_folder_does_not_count(self, folder: Path, tmp_path: Path) -> None:
        before = hashed(folder)
        assert hashed(folder.rename(tmp_path / "elsewhere")) == before

    def test_names_and_contents_count(self, folder: Path) -> None:
        before = hashed(folder).sha256
        (folder / "masks/a.png").write_text("changed!!!!")
        assert hashed(folder).sha256 != before

    def test_it_says_how_much_it_is(self, folder: Path) -> None:
        assert str(hashed(folder)).endswith(" (3 files, 0.0 MiB)")

    def test_a_folder_of_frames_counts_with_all_its_files(self, folder: Path) -> None:
        found = data_hash([case(folder / "images")])
        assert found is not None
        assert found.files == 2

    def test_slices_count_once_with_their_volume(self, folder: Path) -> None:
        volume = replace(ball(), files=(folder / "images/a.png",))
        found = data_hash(in_parts([volume]))
        assert found is not None
        assert found.files == 1

    def test_data_that_would_take_long_is_only_counted(self, folder: Path) -> None:
        found = data_hash([case(folder / "images/a.png")], most_bytes=3)
        assert str(found) == "not hashed (1 file, 0.0 MiB)"

    def test_cases_without_files_have_none(self) -> None:
        assert data_hash([case()]) is None


def test_the_command_names_data_and_plugin_where_there_were_some() -> None:
    assert command_line("em", demo=False, plugin="mine.py") == (
        "samdomains run em DATA --recipe recipe.yaml --plugin mine.py --out AGAIN"
    )


def test_energy_that_was_not_measured_is_no_number() -> None:
    assert energy_line(None) == energy_line({}) == energy_line({"GPU": math.nan}) == "not measured"


def test_the_processor_has_the_name_that_linux_gives_it(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n")
    assert cpu_name(tmp_path / "cpuinfo") == "Some CPU @ 2 GHz"
    assert cpu_name(tmp_path / "none")


def test_the_machine_is_described() -> None:
    assert {"device", "CPU", "CPU cores", "system"} <= set(hardware())
    assert "peak memory" in peak_memory()
