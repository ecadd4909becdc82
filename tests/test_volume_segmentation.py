from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from samdomains.errors import UsageError
from samdomains.inference import Model, load_model
from samdomains.prompts.parsing import by_object, prompts_from_words
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.segmentation import segment
from samdomains.types import Case
from samdomains.volume_segmentation import (
    DOUBT_STEP,
    Beside,
    doubt_levels,
    followed_in_volume,
    found_in_volume,
)
from samdomains.volumes.following import OpenVolume, VolumeObject
from tests.test_segmentation import STACKS, Stack, lines_of

BOX = "10,8,38,28@3"
ASKED = by_object(prompts_from_words([BOX], []))


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "another_domain_of_stacks.py"
    path.write_text(STACKS)
    return path


@pytest.fixture(scope="module")
def model(plugin: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    settings = ["propagation.axes=3", "auto.points=4", "auto.minimum_iou=0.5"]
    cache = EmbeddingCache(tmp_path_factory.mktemp("embeddings"))
    return load_model("tiny", local_plugin=plugin, settings=settings, cache=cache)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright block in slices 1 to 3 of five."""
    pixels = np.full((1, 5, 36, 48), 20, dtype=np.uint8)
    pixels[:, 1:4, 8:28, 10:38] = 220
    path = tmp_path_factory.mktemp("stack") / "stack.npy"
    np.save(path, pixels)
    return path


@pytest.fixture
def case(stack: Path) -> Case:
    return Case("stack", "stack", Stack(stack), None, {1: "object"}, files=(stack,), depth=5)


def test_without_prompts_objects_of_neighbouring_slices_are_one(model: Model, case: Case) -> None:
    found = found_in_volume(model, case)
    block = [item for item in found if item.area == pytest.approx(560, rel=0.2)]
    assert [item.slice_index for item in block] == [1, 2, 3]
    assert len({item.instance for item in block}) == 1


def test_a_doubt_map_is_in_percent_and_lies_where_the_object_ends(model: Model, case: Case) -> None:
    levels = doubt_levels(followed_in_volume(model, case, ASKED))
    assert levels
    assert all(item.class_id % DOUBT_STEP == 0 and 0 < item.class_id <= 100 for item in levels)
    inside = [item for item in levels if item.slice_index == 2 and item.class_id > 50]
    assert not any(item.mask()[14:22, 18:30].any() for item in inside)


def test_a_suggestion_names_a_slice_that_was_not_prompted(
    model: Model, stack: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    page = tmp_path / "pages" / "a.html"
    beside = Beside(doubt=tmp_path / "doubt.nii.gz", page=page, suggest=True)
    prompts = prompts_from_words([BOX], [])
    segment(model, stack, prompts, out=tmp_path / "a.nii.gz", beside=beside, tell=told.append)
    assert lines_of(tmp_path / "doubt.nii.gz")
    assert "<img" in page.read_text()
    (line,) = [line for line in told if "suggest" in line]
    assert line.startswith("suggestion: prompt the object in slice ")
    assert "slice 3" not in line


@pytest.mark.parametrize(
    ("boxes", "beside", "problem"),
    [
        ([BOX], Beside(doubt=Path("d.nii.gz")), "add --set propagation.axes=3"),
        (None, Beside(suggest=True), "prompted in a volume"),
    ],
)
def test_what_is_not_there_is_not_wanted(
    plugin: Path,
    stack: Path,
    tmp_path: Path,
    boxes: list[str] | None,
    beside: Beside,
    problem: str,
) -> None:
    model = load_model("tiny", local_plugin=plugin)
    prompts = None if boxes is None else prompts_from_words(boxes, [])
    with pytest.raises(UsageError, match=problem):
        segment(model, stack, prompts, out=tmp_path / "out", beside=beside)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_was_found_until_then(
    model: Model, stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow = OpenVolume.follow

    def stopped(
        self: OpenVolume, prompts: object, seen: Callable[[object], None], others: object
    ) -> VolumeObject:
        def stop_at_second(section: object) -> None:
            seen(section)
            count.append(section)
            if len(count) == 2:
                raise KeyboardInterrupt

        count: list[object] = []
        return follow(self, prompts, stop_at_second, others)  # type: ignore[arg-type]

    monkeypatch.setattr(OpenVolume, "follow", stopped)
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        segment(
            model, stack, prompts_from_words([BOX], []), out=tmp_path / "a.nii.gz", tell=told.append
        )
    assert len(lines_of(tmp_path / "a.nii.gz")) == 2
    assert "interrupted; " in told[-1]
