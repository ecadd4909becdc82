"""Training samples: a window of an image in SAM's input frame, with the objects that it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from samdomains.data.augmentation import Augmentation, draw_augmentation
from samdomains.data.parts import normalized_image
from samdomains.protocols import Normalizer
from samdomains.recipe import AugmentationRecipe, ModelRecipe, Recipe
from samdomains.sam.frame import Frame
from samdomains.sam.views import Views
from samdomains.training.neighbours import (
    Followed,
    NeighbourPrompts,
    Neighbours,
    objects_of,
)
from samdomains.types import Box, Case, Image, Mask, ObjectMask, Prompts, Size, Window


@dataclass(frozen=True, slots=True)
class View:
    """One window of one case and the objects that a prompt would be looked at in it.

    Attributes:
        case: Index of the case.
        window: Part of its image.
        objects: Indices of the objects in ``case.read_objects()``.
        followed: What the window shows of objects of the slices beside a slice.
    """

    case: int
    window: Window
    objects: tuple[int, ...]
    followed: tuple[Followed, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One view, ready for the model.

    Attributes:
        index: Which view it is.
        seed: Decided its objects and augmentation, and decides its prompts.
        image: (3, side, side) in [0, 1], padded; None where its embedding is known.
        frame: Of the content, whose pixels are input pixels.
        masks: Of the chosen objects, (h, w) boolean in the content's pixels; empty for one that
            has ended.
        variant: Which of the view's fixed variants it shows; 0 is the unchanged one.
        given: The first prompt of each object in the content's pixels, made of a neighbouring
            slice, or None where a user's is simulated. Without any, all are.
        case: Id of the case that it shows, for errors.
    """

    index: int
    seed: int
    image: Tensor | None
    frame: Frame
    masks: tuple[Mask, ...]
    variant: int = 0
    given: tuple[Prompts | None, ...] = ()
    case: str = ""

    def pin_memory(self) -> Sample:
        """The same in memory from which a GPU copies while it computes; torch's loader asks."""
        return self if self.image is None else replace(self, image=self.image.pin_memory())

    def prompt_rngs(self) -> list[np.random.Generator]:
        """One generator for the prompts of each object, whichever samples are beside this one."""
        return [
            np.random.default_rng([self.seed, self.index, number])
            for number in range(1, len(self.masks) + 1)
        ]

    def given_prompts(self) -> tuple[Prompts | None, ...]:
        """``given``, for each object."""
        return self.given or (None,) * len(self.masks)


def views_of(
    cases: Sequence[Case], recipe: Recipe, progress: Callable[[int], None] | None = None
) -> tuple[View, ...]:
    """``list_views`` with the values of a recipe."""
    area, neighbours = recipe.data.minimum_area, None
    if recipe.prompts.neighbour > 0:
        neighbours = Neighbours(cases, area, recipe.propagation.margin)
    return list_views(cases, recipe.model, area, progress, neighbours)


def list_views(
    cases: Sequence[Case],
    model: ModelRecipe,
    minimum_area: int,
    progress: Callable[[int], None] | None = None,
    neighbours: Neighbours | None = None,
) -> tuple[View, ...]:
    """Give each object of each case to the window of its box and to that of a point on it.

    Windows that get no object are left out. What has ended in a slice is looked at in those that
    are not; a slice without objects gets windows for it.

    Args:
        cases: With annotation.
        model: How images are looked at.
        minimum_area: Objects with fewer pixels are left out, and so are crowds.
        progress: Called with the number of cases done.
        neighbours: Finds objects of neighbouring slices; None looks at each slice by itself.
    """
    views: list[View] = []
    for number, case in enumerate(cases):
        objects = objects_of(case)
        kept = {i: o.box for i, o in enumerate(objects) if not o.crowd and o.area >= minimum_area}
        followed = () if neighbours is None else neighbours.followed(number)
        if kept or followed:
            shown = objects or objects_of(cases[followed[0].case])
            looks = Views(shown[0].image_size, model.tile, model.finest_window)
            views += _views_of_case(number, kept, followed, looks)
        if progress:
            progress(number + 1)
    return tuple(views)


def _views_of_case(
    number: int, kept: Mapping[int, Box], followed: Sequence[Followed], looks: Views
) -> Iterator[View]:
    """The views of one case, of which some objects are kept."""
    members: dict[int, list[int]] = {}
    for boxed in (True, False):
        chosen = looks.choose(list(kept.values()), boxed=[boxed] * len(kept))
        for place, index in zip(chosen, kept, strict=True):
            members.setdefault(place, []).append(index)
    if not kept:
        boxes = [_box(item.extent) for item in followed]
        members = {place: [] for place in looks.choose(boxes, boxed=[True] * len(boxes))}
    for place in sorted(members):
        window, objects = looks.windows[place], tuple(dict.fromkeys(members[place]))
        shown = [
            item
            for item in followed
            if _holds(window, item.extent)
            and (not item.after or not set(item.after).isdisjoint(objects))
        ]
        yield View(number, window, objects, tuple(shown))


def _box(window: Window) -> Box:
    return np.array([window.x0, window.y0, window.x1, window.y1], dtype=np.float32)


def _holds(window: Window, extent: Window) -> bool:
    return (
        window.y0 <= extent.y0
        and window.x0 <= extent.x0
        and window.y1 >= extent.y1
        and window.x1 >= extent.x1
    )


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
        neighbours: Prompts for what views follow from neighbouring slices; None never does.
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
        neighbours: NeighbourPrompts | None = None,
    ) -> None:
        self.cases, self.views = cases, views
        self.normalizer, self.frame_of = normalizer, frame_of
        self.objects_per_image, self.augmentation = objects_per_image, augmentation
        self.variants, self.seed, self.neighbours = variants, seed, neighbours

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
        shown = self._shown(self.views[index], change, frame, rng)
        image = None
        if self.variants is None:
            image = frame.image(change.apply_image(self.window_image(index)))
        return Sample(
            index,
            seed,
            image,
            self.frame_of(frame.resized),
            tuple(mask for mask, _ in shown),
            variant,
            tuple(prompt for _, prompt in shown),
            self.cases[self.views[index].case].id,
        )

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

    def _shown(
        self, view: View, change: Augmentation, frame: Frame, rng: np.random.Generator
    ) -> list[tuple[Mask, Prompts | None]]:
        """Randomly chosen objects that the augmented window still shows; then what is followed.

        Returns:
            Mask and, of what is followed from a neighbouring slice, first prompt.
        """
        look, drawn, shown = _Look(self.cases, view, change), list[int](), list[Mask]()
        for index in rng.permutation(view.objects):
            mask = _resize_mask(look.mask(view.case, [index]), frame.resized)
            if mask.any():
                drawn.append(int(index))
                shown.append(mask)
            if len(shown) == self.objects_per_image:
                break
        followed = self._followed(view, drawn, rng)
        return [*((mask, None) for mask in shown), *self._asked(followed, look, frame, rng)]

    def _followed(
        self, view: View, drawn: Sequence[int], rng: np.random.Generator
    ) -> Sequence[Followed]:
        """What is asked for beside the objects that were drawn."""
        if self.neighbours is None or not view.followed:
            return ()
        if not view.objects:
            return [view.followed[i] for i in rng.permutation(len(view.followed))][
                : self.objects_per_image
            ]
        return self.neighbours.choose(view.followed, drawn, rng)

    def _asked(
        self, followed: Sequence[Followed], look: _Look, frame: Frame, rng: np.random.Generator
    ) -> Iterator[tuple[Mask, Prompts]]:
        """Mask and first prompt of what is followed, as far as a crop has left it."""
        for item in followed:
            assert self.neighbours is not None
            before = look.mask(item.case, item.before)
            mask = _resize_mask(look.mask(look.view.case, item.after), frame.resized)
            if before.any() and (mask.any() or not item.after):
                yield mask, frame.prompts(self.neighbours(before, rng))


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """Objects of a case and of the slices beside it, as one augmented view shows them."""

    cases: Sequence[Case]
    view: View
    change: Augmentation
    read: dict[int, tuple[ObjectMask, ...]] = field(default_factory=dict)

    def mask(self, case: int, indices: Sequence[int]) -> Mask:
        """(H, W): all of some objects of a case; empty where the view does not show them."""
        if case not in self.read:
            self.read[case] = objects_of(self.cases[case])
        mask = np.zeros(self.view.window.size, dtype=bool)
        for index in indices:
            mask |= _in_window(self.read[case][index], self.view.window)
        return self.change.apply_mask(mask)


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
