"""Segmenting with SAM: one image encoded once, any number of prompts answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.recipe import ModelRecipe
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.decode import decode, select
from samdomains.sam.frame import Frame
from samdomains.sam.views import Views, prompt_extent, shift_prompts
from samdomains.types import Image, Prediction, Prompts, Size

PROMPTS_PER_CALL = 32
"""Prompts decoded at once: enough to be efficient, few enough for a small memory."""

LOGITS_AT_ONCE = 2**27
"""Logits (4 bytes each) in the device's memory together, at most; the prompts of larger windows
are decoded fewer at once."""

EMBEDDINGS_KEPT = 256
"""Embeddings of windows on the device, at most: with 4 MiB each in the official models, 1 GiB."""


@dataclass(frozen=True, slots=True, eq=False)
class SamSegmenter:
    """A SAM with the recipe's way of looking at an image.

    Attributes:
        sam: The model, in evaluation mode.
        tile: Side in image pixels of the tiles that points are looked at in, or None for the
            whole image.
        zoom: Side of the smallest tiles that boxes are looked at in, or None for the tiles above.
        encoder: Embeds windows; None computes each.
    """

    sam: Sam
    tile: int | None = None
    zoom: int | None = None
    encoder: CachedEncoder | None = None

    @classmethod
    def of(
        cls, sam: Sam, recipe: ModelRecipe, encoder: CachedEncoder | None = None
    ) -> SamSegmenter:
        """The segmenter that a recipe describes."""
        return cls(sam, recipe.tile, recipe.finest_window, encoder)

    def encode(self, image: Image) -> EncodedImage:
        """Prepare one image, (3, H, W) in [0, 1]; each window is embedded when first needed."""
        size = (image.shape[1], image.shape[2])
        encoder = self.encoder or CachedEncoder(self.sam)
        return EncodedImage(self.sam, image, Views(size, self.tile, self.zoom), encoder)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """One image and the embeddings of the windows that prompts asked for last."""

    sam: Sam
    image: Image
    views: Views
    encoder: CachedEncoder
    embeddings: dict[int, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        return self.image.shape[1], self.image.shape[2]

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        """Answer each prompt in the window that shows it best, in the order of the prompts.

        See ``answers``.
        """
        answers = dict(self.answers(prompts, multimask=multimask))
        return [answers[i] for i in range(len(prompts))]

    def answers(
        self, prompts: Sequence[Prompts], *, multimask: bool
    ) -> Iterator[tuple[int, Prediction]]:
        """Answer prompts window by window, so that no more than a few answers need to be kept.

        A mask prompt must come from an answer in the same window; when added clicks move the
        prompt to another window, the earlier mask is left out.

        Args:
            prompts: In image pixels.
            multimask: Choose among three masks by predicted IoU.

        Yields:
            Index of the prompt, and its answer.
        """
        chosen = self._choose(prompts)
        prompts = self._without_foreign_masks(prompts, chosen)
        members: dict[int, list[int]] = defaultdict(list)
        for i, index in enumerate(chosen):
            members[index].append(i)
        for index in sorted(members):
            height, width = self.views.windows[index].size
            step = max(1, min(PROMPTS_PER_CALL, LOGITS_AT_ONCE // (height * width)))
            for start in range(0, len(members[index]), step):
                part = members[index][start : start + step]
                yield from zip(
                    part,
                    self._predict_in(index, [prompts[i] for i in part], multimask),
                    strict=True,
                )

    def _choose(self, prompts: Sequence[Prompts]) -> list[int]:
        """Index of each prompt's window."""
        extents = [prompt_extent(prompt) for prompt in prompts]
        return self.views.choose(extents, boxed=[prompt.box is not None for prompt in prompts])

    @torch.inference_mode()
    def _predict_in(
        self, index: int, prompts: Sequence[Prompts], multimask: bool
    ) -> list[Prediction]:
        window = self.views.windows[index]
        frame = Frame.of(self.sam, window.size)
        framed = [frame.prompts(shift_prompts(p, window)) for p in prompts]
        embedding = self._embedding(index)
        device = embedding.device
        first = torch.zeros(len(prompts), dtype=torch.long, device=device)
        answer = decode(self.sam, embedding, first, framed)
        ambiguous = torch.full((len(prompts),), multimask, device=device)
        low, iou = select(answer, ambiguous)
        logits = frame.logits(low).float().cpu().numpy()
        masks, ious = low.float().cpu().numpy(), iou.tolist()
        return [
            Prediction(
                logits=logits[i],
                origin=(window.y0, window.x0),
                image_size=self.size,
                low_resolution=masks[i],
                predicted_iou=ious[i],
            )
            for i in range(len(prompts))
        ]

    def _without_foreign_masks(
        self, prompts: Sequence[Prompts], chosen: Sequence[int]
    ) -> list[Prompts]:
        """Drop masks that were made in another window, before the last click was added."""
        grown = [
            i
            for i, p in enumerate(prompts)
            if p.mask_logits is not None
            and len(p.points) > 0
            and len(p.points) + (p.box is not None) > 1
        ]
        earlier = [
            replace(p, points=p.points[:-1], point_labels=p.point_labels[:-1])
            for p in (prompts[i] for i in grown)
        ]
        before = self._choose(earlier)
        moved = {i for i, index in zip(grown, before, strict=True) if index != chosen[i]}
        return [replace(p, mask_logits=None) if i in moved else p for i, p in enumerate(prompts)]

    def _embedding(self, index: int) -> Tensor:
        """(1, C, h, w) of one window, computed once as long as it is kept."""
        embedding = self.embeddings.pop(index, None)
        if embedding is None:
            rows, columns = self.views.windows[index].slices
            part = np.ascontiguousarray(self.image[:, rows, columns])
            embedding = self.encoder(part)
        self.embeddings[index] = embedding  # at the end: the first is the longest unused
        if len(self.embeddings) > EMBEDDINGS_KEPT:
            del self.embeddings[next(iter(self.embeddings))]
        return embedding
