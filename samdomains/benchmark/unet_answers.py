"""Answers of the U-Net: what it found in an image, and which of it a prompt means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit
from skimage.segmentation import watershed

from samdomains.benchmark.unet_network import UNetDesign
from samdomains.data.objects import crops_by_value
from samdomains.prompts.boxes import box_of, window_of
from samdomains.types import Box, Logits, Mask, Prediction, Prompts, Size, Window

Labels = NDArray[np.int32]
"""(H, W): numbers of the objects of one class from 1, 0 where there is none."""

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class UNetImage:
    """An image that the U-Net has looked at once; no prompt changes what it found.

    Attributes:
        logits: (K, H, W): log-odds of each class and, with ``design.split``, of each class's
            borders between touching objects.
        design: Of the network.
    """

    logits: Logits
    design: UNetDesign
    _labels: dict[int, Labels] = field(default_factory=dict, init=False)

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        return self.logits.shape[1], self.logits.shape[2]

    def objects(self) -> list[Prediction]:
        """Everything that was found, class by class, from top to bottom."""
        found = []
        for channel in range(len(self.design.classes)):
            for _, crop, (y, x) in crops_by_value(self._objects_of(channel)):
                window = Window(y, x, y + crop.shape[0], x + crop.shape[1])
                found.append(self._prediction(channel, crop, window))
        return found

    def predict(
        self,
        prompts: Sequence[Prompts],
        *,
        multimask: bool,  # noqa: ARG002 (there is one answer to choose from)
    ) -> list[Prediction]:
        """Give what was found where each prompt points; nothing where nothing was found.

        A box means the objects of one class of which most pixels lie in it, and, where there is
        none, whatever of the class lies in it; the answer is cut to the box. The class is the one
        that the cut takes least of, and that fills the box's extent best.

        A click means the object under it, of the class that is most probable there. Several
        positive clicks mean all their objects, together with the box's, and a negative one takes
        its object away. Of an object with clicks of both kinds each pixel goes with the nearest:
        on nuclei and blood cells that did better than dividing it at its necks.

        Args:
            prompts: With a box or a point, in image pixels. A mask is not looked at: what was
                found depends on the image alone.
            multimask: Of no effect.

        Returns:
            Answers without low-resolution logits (0 x 0). The predicted IoU is the mean
            probability of the answer's pixels, and 0 for an empty answer.

        Raises:
            ValueError: A prompt has neither a box nor a point.
        """
        return [self._answer(prompt) for prompt in prompts]

    def _answer(self, prompt: Prompts) -> Prediction:
        box = prompt.box
        if box is not None:
            meant = [self._in_box(c, box) for c in range(len(self.design.classes))]
            channel = int(np.argmax([_fit(mask, box) for mask in meant]))
            chosen = _cut(meant[channel], box)
        elif len(prompt.points):
            channel, chosen = self._class_at(prompt), np.zeros(self.size, dtype=bool)
        else:
            raise ValueError("a U-Net needs a prompt with a box or a point, got one without")
        if len(prompt.points):
            chosen = self._clicked(chosen, self._objects_of(channel), prompt)
        if not chosen.any():
            return self._prediction(channel, np.zeros((0, 0), dtype=bool), Window(0, 0, 0, 0))
        rows, columns = window_of(chosen)
        window = Window(rows.start, columns.start, rows.stop, columns.stop)
        return self._prediction(channel, chosen[rows, columns], window)

    def _class_at(self, prompt: Prompts) -> int:
        """The class that is most probable under the positive clicks."""
        positive = _places(prompt, self.size, label=1) or _places(prompt, self.size, label=0)
        classes = range(len(self.design.classes))
        return max(classes, key=lambda c: max(float(self.logits[c][place]) for place in positive))

    def _in_box(self, channel: int, box: Box) -> Mask:
        """(H, W): what a box means in one class, before it is cut."""
        rows, columns = _inside(box, self.size)
        labels = self._objects_of(channel)
        numbers = np.bincount(labels.ravel())
        inside = np.bincount(labels[rows, columns].ravel(), minlength=len(numbers))
        most = 2 * inside > numbers
        wanted = most if most[1:].any() else inside > 0
        wanted[0] = False
        chosen: Mask = wanted[labels]
        return chosen

    def _clicked(self, chosen: Mask, labels: Labels, prompt: Prompts) -> Mask:
        """What is left of a choice, and added to it, by clicks."""
        positive = _places(prompt, self.size, label=1)
        negative = _places(prompt, self.size, label=0)
        result = chosen.copy()
        for number in {int(labels[place]) for place in positive} - {0}:
            result |= labels == number
        for number in {int(labels[place]) for place in negative} - {0}:
            item = labels == number
            kept = [place for place in positive if item[place]]
            result &= ~item
            if kept:
                result |= _nearest(item, kept, [place for place in negative if item[place]])
        return result

    def _objects_of(self, channel: int) -> Labels:
        if channel not in self._labels:
            self._labels[channel] = self._find(channel)
        return self._labels[channel]

    def _find(self, channel: int) -> Labels:
        """The objects of one class, those with too few pixels left out."""
        found = self.logits[channel] > 0
        if self.design.whole:
            return np.asarray(found, dtype=np.int32)
        labels = _parts(found)
        if self.design.split:
            border = self.logits[len(self.design.classes) + channel] > 0
            seeds = _parts(found & ~border)
            seeds[_small(seeds, self.design.smallest / 4)] = 0
            labels = _grown(seeds, labels, self.logits[channel])
        labels[_small(labels, self.design.smallest)] = 0
        return labels

    def _prediction(self, channel: int, crop: Mask, window: Window) -> Prediction:
        """An answer of which (h, w) ``crop`` in a window is inside."""
        logits = self.logits[channel][window.slices]
        confidence = float(expit(logits[crop]).mean()) if crop.any() else 0.0
        return Prediction(
            logits=np.where(crop, logits, -np.abs(logits)).astype(np.float32),
            origin=(window.y0, window.x0),
            image_size=self.size,
            low_resolution=np.zeros((0, 0), dtype=np.float32),
            predicted_iou=confidence,
        )


def _parts(mask: Mask) -> Labels:
    """The connected parts of a mask."""
    labels: Labels = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS, output=np.int32)[0]
    return labels


def _grown(seeds: Labels, parts: Labels, logits: Logits) -> Labels:
    """Divide connected parts among the seeds in them; a part without a seed stays one object."""
    with_seed = np.zeros(int(parts.max()) + 1, dtype=bool)
    with_seed[parts[seeds > 0]] = True
    divided: Labels = watershed(-logits, seeds, mask=with_seed[parts] & (parts > 0))
    others = parts + np.where(parts > 0, seeds.max(), 0)
    return np.where(with_seed[parts], divided, others).astype(np.int32)


def _small(labels: Labels, least: float) -> Mask:
    """(H, W): pixels of objects with an area below ``least``."""
    small: Mask = (np.bincount(labels.ravel()) < least)[labels]
    return small


def _places(prompt: Prompts, size: Size, *, label: int) -> list[tuple[int, int]]:
    """(y, x) of the pixels under the clicks of one kind."""
    height, width = size
    points = np.rint(prompt.points[prompt.point_labels == label]).astype(np.intp)
    return [(int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))) for x, y in points]


def _inside(box: Box, size: Size) -> tuple[slice, slice]:
    """Rows and columns of the pixels whose centres lie in a box."""
    height, width = size
    x0, y0, x1, y1 = np.rint(box).clip(0, [width, height, width, height]).astype(int).tolist()
    return slice(y0, y1), slice(x0, x1)


def _cut(mask: Mask, box: Box) -> Mask:
    """The part of a mask in a box."""
    result = np.zeros_like(mask)
    part = _inside(box, (mask.shape[0], mask.shape[1]))
    result[part] = mask[part]
    return result


def _fit(mask: Mask, box: Box) -> float:
    """How well a mask fits a box: its share inside, times the IoU of that share's box with it."""
    inside = _cut(mask, box)
    if not inside.any():
        return 0.0
    own = box_of(inside)
    sides = np.minimum(own[2:], box[2:]) - np.maximum(own[:2], box[:2])
    shared = float(np.prod(sides.clip(min=0)))
    both = float(np.prod(own[2:] - own[:2]) + np.prod(box[2:] - box[:2]))
    share = np.count_nonzero(inside) / np.count_nonzero(mask)
    return share * shared / (both - shared)


def _nearest(
    item: Mask, positive: Sequence[tuple[int, int]], negative: Sequence[tuple[int, int]]
) -> Mask:
    """The pixels of an object that are nearer to a positive click than to any negative one."""
    rows, columns = np.nonzero(item)

    def distance(places: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
        squares = [(rows - y) ** 2 + (columns - x) ** 2 for y, x in places]
        return np.asarray(np.min(squares, axis=0), dtype=np.int64)

    result = np.zeros_like(item)
    result[rows, columns] = distance(positive) < distance(negative)
    return result
