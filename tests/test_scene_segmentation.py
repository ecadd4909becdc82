from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samdomains.errors import RunDirectoryError, UsageError
from samdomains.inference import Model, load_model
from samdomains.prompts.parsing import prompts_from_words
from samdomains.scene_segmentation import KeptTiles
from samdomains.segmentation import segment
from samdomains.types import Case, ObjectMask, RawImage, Size, Window

PLUGIN = """
from samdomains.plugin import Case, hookimpl
from tests.test_scene_segmentation import ListWriter, Scene


@hookimpl
def load_cases(source, recipe):
    windows = Scene(source)
    return [Case("town", "town", windows, None, {1: "roof"}, files=(source,), windows=windows)]


@hookimpl
def write_masks(recipe):
    return ListWriter()
"""

read: list[Window] = []
"""Windows that were read, in their order."""


@dataclass(frozen=True)
class Scene:
    """A grey scene with bright squares of 40 pixels, one every 100."""

    path: Path

    @property
    def size(self) -> Size:
        height, width = self.path.read_text().split()
        return int(height), int(width)

    def read(self, window: Window) -> RawImage:
        read.append(window)
        rows, columns = np.mgrid[window.slices]
        roof = (rows % 100 >= 30) & (rows % 100 < 70) & (columns % 100 >= 30) & (columns % 100 < 70)
        return np.where(roof, 220, 40).astype(np.uint8)[None]

    def overview(self) -> RawImage:
        return self.read(Window(0, 0, 200, 200))

    def __call__(self) -> RawImage:
        raise AssertionError("a scene is never read as a whole")


@dataclass(frozen=True)
class ListWriter:
    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        path = out / f"{case.id}.txt"
        out.mkdir(parents=True, exist_ok=True)
        rows = [[*map(int, item.box), item.class_id, *item.image_size] for item in objects]
        np.savetxt(path, np.array(rows).reshape(-1, 7), fmt="%d")
        return [path]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    plugin = tmp_path_factory.mktemp("plugin") / "a_domain_of_scenes.py"
    plugin.write_text(PLUGIN)
    settings = ["scene.tile=256", "scene.overlap=64", "auto.points=10", "auto.minimum_iou=0.5"]
    settings += ["auto.minimum_stability=0.5", "auto.largest=0.1", "model.tile=128"]
    return load_model("tiny", local_plugin=plugin, settings=settings)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    (tmp_path / "town.scene").write_text("500 600")
    return tmp_path / "town.scene"


def rows_of(path: Path) -> np.ndarray:
    return np.loadtxt(path, ndmin=2).astype(int)


def test_each_prompt_is_answered_in_the_scenes_own_pixels(
    model: Model, town: Path, tmp_path: Path
) -> None:
    read.clear()
    prompts = prompts_from_words(["530,430,570,470", "30,30,70,70"], [])
    (path,) = segment(model, town, prompts, out=tmp_path / "out")
    found = rows_of(path)
    np.testing.assert_allclose(found[:, :4], [[530, 430, 570, 470], [30, 30, 70, 70]], atol=3)
    assert found[:, 5:].tolist() == [[500, 600]] * 2
    assert max(max(window.size) for window in read) <= 256


def test_an_object_larger_than_a_tile_is_seen_whole(
    model: Model, town: Path, tmp_path: Path
) -> None:
    read.clear()
    segment(model, town, prompts_from_words(["10,10,410,400"], []), out=tmp_path / "out")
    assert any(window.x0 == 0 and window.x1 >= 510 for window in read)


def test_without_prompts_every_object_is_found_once(
    model: Model, town: Path, tmp_path: Path
) -> None:
    town.write_text("200 400")
    (path,) = segment(model, town, None, out=tmp_path / "out")
    found = rows_of(path)[:, :4]
    middles = {((x0 + x1) // 200, (y0 + y1) // 200) for x0, y0, x1, y1 in found.tolist()}
    assert len(middles) >= 7  # of 8
    assert len(found) <= 10
    assert list((tmp_path / "out").iterdir()) == [path]


class Stop(Exception):  # noqa: N818
    """What interrupts a call in the middle."""


def test_an_interrupted_scene_goes_on_with_the_tiles_that_are_missing(
    model: Model, town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = prompts_from_words(["530,430,570,470", "30,30,70,70", "330,30,370,70"], [])
    original = KeptTiles.put

    def put(self: KeptTiles, number: int, objects: Sequence[ObjectMask]) -> None:
        original(self, number, objects)
        if number == 1:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(KeptTiles, "put", put)
        with pytest.raises(Stop):
            segment(model, town, prompts, out=tmp_path / "out")
    with pytest.raises(RunDirectoryError, match="holds tiles of another scene, model, recipe"):
        segment(model, town, prompts[:2], out=tmp_path / "out", resume=True)
    read.clear()
    (path,) = segment(model, town, prompts, out=tmp_path / "out", resume=True)
    assert len(read) == 1
    assert len(rows_of(path)) == 3
    assert list((tmp_path / "out").iterdir()) == [path]
    (whole,) = segment(model, town, prompts, out=tmp_path / "anew")
    assert whole.read_text() == path.read_text()


@pytest.mark.parametrize(
    ("size", "box", "problem"),
    [
        ("500 600", "700,10,720,30", "lies outside the scene, which is 600 pixels wide and 500"),
        ("60000 60000", "0,0,59999,59999", "Segment a smaller version of the scene"),
    ],
)
def test_a_prompt_that_cannot_be_answered(
    model: Model, tmp_path: Path, size: str, box: str, problem: str
) -> None:
    (tmp_path / "town.scene").write_text(size)
    with pytest.raises(UsageError, match=problem):
        segment(model, tmp_path / "town.scene", prompts_from_words([box], []), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@given(seed=st.integers(0, 200))
def test_only_prompted_windows_are_read(model: Model, seed: int) -> None:
    """However large the scene is, a prompt costs one window."""
    from samdomains.scene_segmentation import _windows_for
    from samdomains.types import Prompts

    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 19000, 2)
    width, height = rng.integers(1, 900, 2)
    box = np.array([x, y, x + width, y + height], dtype=np.float32)
    ((window, members),) = _windows_for([Prompts(box=box)], (20000, 20000), model)
    assert members == [0]
    assert window.x0 <= x
    assert window.y0 <= y
    assert window.x1 >= x + width
    assert window.y1 >= y + height
    assert max(window.size) <= max(256, 1.5 * max(width, height) + 2)
