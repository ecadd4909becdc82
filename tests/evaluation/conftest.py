from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from samdomains.prompts.boxes import box_of, window_of
from samdomains.types import (
    Case,
    CaseStatistics,
    Image,
    Mask,
    ObjectMask,
    Prediction,
    Prompts,
    RawImage,
)

Answer = Callable[[Mask, Prompts], Mask]


@dataclass(frozen=True)
class LabelReader:
    """A fake system whose images are label maps, so that it knows every truth.

    ``answer`` makes its mask from the truth; ``windowed`` keeps only the window of that mask, as a
    system that looks at tiles does.
    """

    answer: Answer
    windowed: bool = False
    asked: list[tuple[Prompts, bool]] = field(default_factory=list)
    encoded: list[Image] = field(default_factory=list)

    def encode(self, image: Image) -> EncodedLabels:
        self.encoded.append(image)
        return EncodedLabels(self, np.rint(image[0] * 255).astype(int))


@dataclass(frozen=True)
class EncodedLabels:
    reader: LabelReader
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        self.reader.asked.extend((prompt, multimask) for prompt in prompts)
        return [self._predict(prompt) for prompt in prompts]

    def _predict(self, prompt: Prompts) -> Prediction:
        mask = self.reader.answer(self._truth(prompt), prompt)
        rows, columns = slice(0, mask.shape[0]), slice(0, mask.shape[1])
        if self.reader.windowed and mask.any():
            rows, columns = window_of(mask, margin=1)
        return Prediction(
            logits=np.where(mask[rows, columns], 2, -2).astype(np.float32),
            origin=(rows.start, columns.start),
            image_size=(mask.shape[0], mask.shape[1]),
            low_resolution=np.full((4, 4), len(self.reader.asked), dtype=np.float32),
            predicted_iou=0.5,
        )

    def _truth(self, prompt: Prompts) -> Mask:
        if prompt.box is None:
            x, y = prompt.points[0].astype(int)
            return np.asarray(self.labels == self.labels[y, x])
        for label in np.unique(self.labels[self.labels > 0]):
            mask = np.asarray(self.labels == label)
            if np.array_equal(box_of(mask), prompt.box):
                return mask
        raise AssertionError(f"no object has the box {prompt.box.tolist()}")


def divide(pixels: RawImage, _: CaseStatistics) -> Image:
    """(1, H, W) label maps of at most 255 → (3, H, W)."""
    return np.repeat(pixels, 3, axis=0).astype(np.float32) / np.float32(255)


@pytest.fixture
def normalizer() -> Callable[[RawImage, CaseStatistics], Image]:
    return divide


MakeCase = Callable[..., Case]


@pytest.fixture
def make_case() -> MakeCase:
    """Make a case of a label map whose objects are its values in rising order."""

    def make(name: str, labels: RawImage, *, group: str | None = None) -> Case:
        values = [int(value) for value in np.unique(labels) if value > 0]
        objects = tuple(ObjectMask.from_mask(labels == v, class_id=1 + v % 2) for v in values)
        return Case(
            id=name,
            group=name if group is None else group,
            read_pixels=lambda: labels[None].astype(np.uint8),
            read_objects=lambda: objects,
            classes={1: "even", 2: "odd"},
        )

    return make


@pytest.fixture
def make_reader() -> type[LabelReader]:
    return LabelReader
