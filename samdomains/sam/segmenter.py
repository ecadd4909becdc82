"""Segmenting with SAM: one image encoded once, any number of prompts answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from samdomains.sam.decode import decode, select
from samdomains.sam.frame import Frame, encode
from samdomains.sam.views import Window, choose_window, prompt_extent, shift_prompts, windows
from samdomains.types import Image, Prediction, Prompts, Size

PROMPTS_PER_CALL = 32
"""Prompts decoded at once: enough to be efficient, few enough for a small memory."""


@dataclass(frozen=True, slots=True, eq=False)
class SamSegmenter:
    """A SAM with the recipe's way of looking at an image.

    Attributes:
        sam: The model, in evaluation mode.
        tile: Side of the tiles in image pixels, or None for the whole image at once.
    """

    sam: Sam
    tile: int | None = None

    def encode(self, image: Image) -> EncodedImage:
        """Prepare one image, (3, H, W) in [0, 1]; each window is embedded when first needed."""
        size = (image.shape[1], image.shape[2])
        return EncodedImage(self.sam, image, windows(size, self.tile))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """One image and the embeddings of the windows that prompts have asked for so far."""

    sam: Sam
    image: Image
    windows: tuple[Window, ...]
    embeddings: dict[int, Tensor] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        return self.image.shape[1], self.image.shape[2]

    def predict(self, prompts: Sequence[Prompts], *, multimask: bool) -> list[Prediction]:
        """Answer each prompt in the window that shows it best.

        A mask prompt must come from an answer in the same window; when added clicks move the
        prompt to another window, the earlier mask is left out.

        Args:
            prompts: In image pixels.
            multimask: Choose among three masks by predicted IoU.
        """
        chosen = [choose_window(prompt_extent(p), self.windows, self.size) for p in prompts]
        predictions: list[Prediction | None] = [None] * len(prompts)
        for index in sorted(set(chosen)):
            members = [i for i, window in enumerate(chosen) if window == index]
            for start in range(0, len(members), PROMPTS_PER_CALL):
                part = members[start : start + PROMPTS_PER_CALL]
                answers = self._predict_in(index, [prompts[i] for i in part], multimask)
                for i, answer in zip(part, answers, strict=True):
                    predictions[i] = answer
        return [p for p in predictions if p is not None]

    @torch.inference_mode()
    def _predict_in(
        self, index: int, prompts: Sequence[Prompts], multimask: bool
    ) -> list[Prediction]:
        window = self.windows[index]
        frame = Frame.of(self.sam, window.size)
        framed = [
            frame.prompts(shift_prompts(self._without_foreign_mask(p, index), window))
            for p in prompts
        ]
        embedding = self._embedding(index, frame)
        device = embedding.device
        first = torch.zeros(len(prompts), dtype=torch.long, device=device)
        answer = decode(self.sam, embedding, first, framed)
        ambiguous = torch.full((len(prompts),), multimask, device=device)
        low, iou = select(answer, ambiguous)
        logits = frame.logits(low).float().cpu().numpy()
        return [
            Prediction(
                logits=logits[i],
                origin=(window.y0, window.x0),
                image_size=self.size,
                low_resolution=low[i].float().cpu().numpy(),
                predicted_iou=float(iou[i]),
            )
            for i in range(len(prompts))
        ]

    def _without_foreign_mask(self, prompts: Prompts, index: int) -> Prompts:
        """Drop a mask that was made in another window, before the last click was added."""
        known = len(prompts.points) + (prompts.box is not None)
        if prompts.mask_logits is None or len(prompts.points) == 0 or known < 2:
            return prompts
        earlier = Prompts(prompts.box, prompts.points[:-1], prompts.point_labels[:-1])
        if choose_window(prompt_extent(earlier), self.windows, self.size) == index:
            return prompts
        return Prompts(prompts.box, prompts.points, prompts.point_labels, None, prompts.source)

    def _embedding(self, index: int, frame: Frame) -> Tensor:
        """(1, C, h, w) of one window, computed once."""
        if index not in self.embeddings:
            rows, columns = self.windows[index].slices
            part = np.ascontiguousarray(self.image[:, rows, columns])
            device = self.sam.device
            padded, content = frame.image(part)[None].to(device), frame.content()[None].to(device)
            self.embeddings[index] = encode(self.sam, padded, content)
        return self.embeddings[index]
