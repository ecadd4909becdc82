"""Segmenting clips by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image as PillowImage

from samdomains.cli.main import cli

from .conftest import Make, picture


def segment(source: Path, out: Path, *words: str) -> Result:
    arguments = ["segment", "video", str(source), "--model", "tiny", "--out", str(out), *words]
    return CliRunner().invoke(cli, arguments, prog_name="samdomains", catch_exceptions=False)


@pytest.mark.parametrize("kind", ["film", "frames"])
def test_a_clip_becomes_one_overlay_with_masks_beside_it(
    film: Make, images: Make, tmp_path: Path, kind: str
) -> None:
    frames = {f"{i}.png": picture(i) for i in range(3)}
    source = film(count=3) if kind == "film" else images("walk", frames)
    result = segment(source, tmp_path / "out" / "found.mp4", "--box", "0,0,21,13@0")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "found.mp4",
        "found_masks",
    ]
    masks = sorted((tmp_path / "out" / "found_masks").iterdir())
    assert [path.name for path in masks] == ["00000.png", "00001.png", "00002.png"]
    with PillowImage.open(masks[0]) as image:
        values = np.asarray(image)
    assert np.count_nonzero(values[:12, :20] == 1) > 0.7 * 12 * 20


def test_the_masks_alone_are_no_video(film: Make, tmp_path: Path) -> None:
    words = ["--box", "0,0,21,13@0", "--set", "data.output=png"]
    assert segment(film(count=2), tmp_path / "out", *words).exit_code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film_masks"]
    result = segment(film(count=2), tmp_path / "found.mp4", *words)
    assert result.exit_code == 2
    assert "masks are written as .png" in result.stderr


def test_a_prompt_without_its_frame_is_a_usage_error(film: Make, tmp_path: Path) -> None:
    result = segment(film(count=2), tmp_path / "out", "--box", "0,0,21,13")
    assert result.exit_code == 2
    assert "@slice" in result.stderr
