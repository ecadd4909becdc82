from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samdomains_microscopy.demo_em import SHAPE, tissue_block, write_demo_em
from samdomains_microscopy.stacks import find_stack
from scipy import ndimage


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_em(tmp_path_factory.mktemp("demo"), 0)


def test_blocks_are_multi_page_tiff_with_labels_and_a_split(demo: Path) -> None:
    names = sorted(path.stem for path in (demo / "images").glob("*.tif"))
    splits = json.loads((demo / "splits.json").read_text())
    assert sorted(name for part in splits.values() for name in part) == names
    for folder in ("images", "labels"):
        stack = find_stack(demo / folder / "block_0.tif")
        assert stack is not None
        assert (stack.axes, stack.shape) == ("ZYX", SHAPE)


def test_the_same_seed_gives_the_same_files(demo: Path, tmp_path: Path) -> None:
    again, other = write_demo_em(tmp_path / "again", 0), write_demo_em(tmp_path / "other", 1)
    names = [path.relative_to(demo) for path in sorted(demo.rglob("*")) if path.is_file()]
    assert all((again / name).read_bytes() == (demo / name).read_bytes() for name in names)
    assert any((other / name).read_bytes() != (demo / name).read_bytes() for name in names)


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_every_block_holds_whole_mitochondria_that_are_darker_than_cytoplasm(seed: int) -> None:
    block, labels = tissue_block(np.random.default_rng(seed))
    assert block.shape == labels.shape == SHAPE
    assert (block.dtype.name, labels.dtype.name) == ("uint8", "uint16")
    count = int(labels.max())
    assert count >= 2
    assert np.unique(labels).tolist() == list(range(count + 1))
    for label in range(1, count + 1):
        assert ndimage.label(labels == label, np.ones((3, 3, 3)))[1] == 1
    cytoplasm = np.median(block[labels == 0])
    assert np.median(block[labels > 0]) < cytoplasm - 20


def test_some_mitochondria_run_through_several_sections(demo: Path) -> None:
    stack = find_stack(demo / "labels" / "block_0.tif")
    assert stack is not None
    labels = stack.values()
    sections = [len(np.unique(np.nonzero(labels == n)[0])) for n in range(1, labels.max() + 1)]
    assert max(sections) >= 2
