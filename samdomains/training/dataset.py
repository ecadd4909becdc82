"""Training samples: a window of an image in SAM's input frame, with the objects that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from samdomains.data.augmentation import Augmentation, draw_augmentation
from samdomains.data.parts import normalized_image
from samdomains.protocols import Normalizer
from samdomains.recipe import AugmentationRecipe, ModelRecipe
from samdomains.sam.frame import Frame
from samdomains.sam.views import Views
from samdomains.types import Case, Image, Mask, ObjectMask, Size, Window


@dataclass(frozen=True, slots=True)
class View:
    """One window of one case and the objects that a prompt would be looked at in it.

    Attributes:
        case: Index of the case.
        window: Part of its image.
        objects: Indices of the objects in ``case.read_objects()``.
    """

    case: int
    window: Window
    objects: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One view, ready for the model.

    Attributes:
        index: Which view it is.
        seed: Decided its objects and augmentation, and decides its prompts.
        image: (3, side, side) in [0, 1], padded; None where its embedding is known.
        frame: Of the content, whose pixels are input pixels.
        masks: Of the chosen objects, (h, w) boolean in the content's pixels, none empty.
        variant: Which of the view's fixed variants it shows; 0 is the unchanged one.
    """

    index: int
    seed: int
    image: Tensor | None
    frame: Frame
    masks: tuple[Mask, ...]
    variant: int = 0

    def pin_memory(self) -> Sample:
        """The same in memory from which a GPU copies while it computes; torch's loader asks."""
        return self if self.image is None else replace(self, image=self.image.pin_memory())

    def prompt_rngs(self) -> list[np.random.Generator]:
        """One generator for the prompts of each object, whichever samples are beside this one."""
        return [
            np.random.default_rng([self.seed, self.index, number])
            for number in range(1, len(self.masks) + 1)
        ]


def list_views(
    cases: Sequence[Case],
    model: ModelRecipe,
    minimum_area: int,
    progress: Callable[[int], None] | None = None,
) -> tuple[View, ...]:
    """Give each object of each case to the window of its box and to that of a point on it.

    Windows that get no object are left out.

    Args:
        cases: With annotation.
        model: How images are looked at.
        minimum_area: Objects with fewer pixels are left out, and so are crowds.
        progress: Called with the number of cases done.
    """
    views: list[View] = []
    for number, case in enumerate(cases):
        objects = case.read_objects() if case.read_objects else ()
        kept = [i for i, o in enumerate(objects) if not o.crowd and o.area >= minimum_area]
        if kept:
            looks = Views(objects[kept[0]].image_size, model.tile, model.finest_window)
            members: dict[int, list[int]] = {}
            for boxed in (True, False):
                extents = [objects[i].box for i in kept]
                chosen = looks.choose(extents, boxed=[boxed] * len(kept))
                for window, index in zip(chosen, kept, strict=True):
                    members.setdefault(window, []).append(index)
            views += [
                View(number, looks.windows[w], tuple(dict.fromkeys(members[w])))
                for w in sorted(members)
            ]
        if progress:
            progress(number + 1)
    return tuple(views)


class ViewDataset(Dataset[Sample]):
    """Samples by ``(view index, seed)``: the seed decides objects and augmentation, nothing else.

    Args:
        cases: With annotation.
        views: From ``list_views``.
        normalizer: Of the domain.
        frame_of: Makes the model's frame for a content size (H, W).
        objects_per_image: Objects drawn for one sample.
        augmentation: Random changes, or None for none.
        variants: So many fixed pictures of each view are shown, the unchanged one and others, and
            samples hold no pixels: their embeddings are known. None draws any change, with pixels.
        seed: Decides the changes of the variants, together with the view.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        views: Sequence[View],
        normalizer: Normalizer,
        frame_of: Callable[[Size], Frame],
        *,
        objects_per_image: int,
        augmentation: AugmentationRecipe | None,
        variants: int | None = None,
        seed: int = 0,
    ) -> None:
        self.cases, self.views = cases, views
        self.normalizer, self.frame_of = normalizer, frame_of
        self.objects_per_image, self.augmentation = objects_per_image, augmentation
        self.variants, self.seed = variants, seed

    def __len__(self) -> int:
        return len(self.views)

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        index, seed = key
        view, rng = self.views[index], np.random.default_rng([seed, index])
        if self.variants is None:
            variant, change = 0, self._draw(view.window.size, rng)
        else:
            variant = int(rng.integers(self.variants))
            change = self._change(index, variant)
        sample = self._sample(key, variant, change, rng)
        if not sample.masks:  # a crop may have cut every object away
            sample = self._sample(key, 0, Augmentation.identity(view.window.size), rng)
        return sample

    def window_image(self, index: int, variant: int = 0) -> Image:
        """(3, h, w): the normalised pixels of one view, in one of its fixed variants."""
        view = self.views[index]
        rows, columns = view.window.slices
        image = normalized_image(self.cases[view.case], self.normalizer)
        return self._change(index, variant).apply_image(image[:, rows, columns])

    def _sample(
        self, key: tuple[int, int], variant: int, change: Augmentation, rng: np.random.Generator
    ) -> Sample:
        index, seed = key
        frame = self.frame_of(change.size)
        content = self.frame_of(frame.resized)
        masks = self._masks(self.views[index], change, content, rng)
        image = None
        if self.variants is None:
            image = frame.image(change.apply_image(self.window_image(index)))
        return Sample(index, seed, image, content, masks, variant)

    def _change(self, index: int, variant: int) -> Augmentation:
        """What makes a variant of a view: the same in every epoch."""
        size = self.views[index].window.size
        if variant == 0:
            return Augmentation.identity(size)
        return self._draw(size, np.random.default_rng([self.seed, index, variant]))

    def _draw(self, size: Size, rng: np.random.Generator) -> Augmentation:
        if self.augmentation is None:
            return Augmentation.identity(size)
        return draw_augmentation(size, self.augmentation, rng)

    def _masks(
        self, view: View, change: Augmentation, content: Frame, rng: np.random.Generator
    ) -> tuple[Mask, ...]:
        """Masks of randomly chosen objects that the augmented window still shows."""
        reader = self.cases[view.case].read_objects
        objects = reader() if reader else ()
        masks: list[Mask] = []
        for index in rng.permutation(view.objects):
            cut = change.apply_mask(_in_window(objects[index], view.window))
            mask = _resize_mask(cut, content.size)
            if mask.any():
                masks.append(mask)
            if len(masks) == self.objects_per_image:
                break
        return tuple(masks)


def _in_window(item: ObjectMask, window: Window) -> Mask:
    """(h, w): the part of an object inside a window."""
    part = np.zeros(window.size, dtype=bool)
    y, x = item.origin[0] - window.y0, item.origin[1] - window.x0
    top, left = max(0, y), max(0, x)
    bottom = min(part.shape[0], y + item.crop.shape[0])
    right = min(part.shape[1], x + item.crop.shape[1])
    if top < bottom and left < right:
        part[top:bottom, left:right] = item.crop[top - y : bottom - y, left - x : right - x]
    return part


def _resize_mask(mask: Mask, size: Size) -> Mask:
    """Resize: a cell is inside from half coverage on; a tiny object keeps its fullest cell."""
    if mask.shape == size:
        return mask
    if not mask.any():
        return np.zeros(size, dtype=bool)
    full = torch.from_numpy(np.ascontiguousarray(mask)).float()[None, None]
    share = functional.interpolate(full, size, mode="bilinear", align_corners=False, antialias=True)
    values = share[0, 0].numpy()
    return np.asarray(values >= min(0.5, float(values.max())), dtype=bool)
