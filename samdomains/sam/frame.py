"""The one place that knows how an image becomes SAM's square input, and how answers come back.

The longest side is scaled to the input's side, the rest is padded at the right and at the bottom,
after normalisation, with zeros: the arithmetic of ``segment_anything``'s ``ResizeLongestSide`` and
``Sam.preprocess``, to which the tests compare it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from segment_anything.modeling import Sam
from segment_anything.utils.transforms import ResizeLongestSide
from torch import Tensor
from torch.nn import functional

from samdomains.types import Box, Image, Logits, Mask, Points, Prompts, Size

PADDING_LOGIT = -10.0
"""Logit of a mask prompt in the padding, where no object can be: a probability of 5e-5."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The mapping between one image (or a window of it) and SAM's padded square input.

    Attributes:
        size: (H, W) of the image in pixels.
        side: Side of the square input in pixels.
        mask_side: Side of SAM's low-resolution masks, which cover the same square.
    """

    size: Size
    side: int
    mask_side: int

    @classmethod
    def of(cls, sam: Sam, size: Size) -> Frame:
        """The frame in which ``sam`` sees an image of ``size`` (H, W)."""
        return cls(size, sam.image_encoder.img_size, sam.prompt_encoder.mask_input_size[0])

    @property
    def resized(self) -> Size:
        """(H, W) of the image inside the square, before padding."""
        height, width = ResizeLongestSide.get_preprocess_shape(*self.size, self.side)
        return max(1, height), max(1, width)

    def image(self, image: Image) -> Tensor:
        """(3, H, W) in [0, 1] → (3, side, side) float32 in [0, 1], padded with zeros.

        Normalisation comes later (``encode``), and keeps the padding at zero as SAM expects.
        """
        resized = functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(image))[None],
            self.resized,
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )[0]
        return self._pad(resized, 0.0)

    def content(self) -> Tensor:
        """(side, side) boolean: true where the input shows the image, false in the padding."""
        inside = torch.zeros(self.side, self.side, dtype=torch.bool)
        inside[: self.resized[0], : self.resized[1]] = True
        return inside

    def points(self, points: Points) -> Points:
        """(P, 2) in image pixels → (P, 2) in input pixels."""
        return np.asarray(points * self._scale(), dtype=np.float32)

    def box(self, box: Box) -> Box:
        """(4,) in image pixels → (4,) in input pixels."""
        return np.asarray((box.reshape(2, 2) * self._scale()).reshape(4), dtype=np.float32)

    def prompts(self, prompts: Prompts) -> Prompts:
        """Prompts in image pixels → prompts in input pixels.

        Low-resolution logits are in the input's frame already and stay; a prior is brought there.
        """
        logits = prompts.mask_logits
        if prompts.prior is not None:
            logits = self.low_resolution(prompts.prior)
        return Prompts(
            box=None if prompts.box is None else self.box(prompts.box),
            points=self.points(prompts.points),
            point_labels=prompts.point_labels,
            mask_logits=logits,
            source=prompts.source,
        )

    def low_resolution(self, logits: Logits) -> Logits:
        """(H, W) logits of the image → (mask_side, mask_side) logits of the padded square."""
        height, width = self._resized_low()
        resized = functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(logits))[None, None],
            (height, width),
            mode="bilinear",
            align_corners=False,
            antialias=True,
        )[0]
        padded = functional.pad(
            resized, (0, self.mask_side - width, 0, self.mask_side - height), value=PADDING_LOGIT
        )
        return np.asarray(padded[0].numpy(), dtype=np.float32)

    def target(self, mask: Mask) -> Tensor:
        """(H, W) mask → (mask_side, mask_side) float32: the share of each cell that it covers."""
        height, width = self._resized_low()
        full = torch.from_numpy(np.ascontiguousarray(mask)).float()[None, None]
        share = functional.interpolate(full, (height, width), mode="area")[0, 0]
        return functional.pad(share, (0, self.mask_side - width, 0, self.mask_side - height))

    def logits(self, low_resolution: Tensor) -> Tensor:
        """(N, mask_side, mask_side) → (N, H, W), as ``Sam.postprocess_masks`` does it."""
        square = functional.interpolate(
            low_resolution[:, None], (self.side, self.side), mode="bilinear", align_corners=False
        )
        height, width = self.resized
        return functional.interpolate(
            square[..., :height, :width], self.size, mode="bilinear", align_corners=False
        )[:, 0]

    def _scale(self) -> Points:
        """(2,): input pixels per image pixel along x and y (they differ by rounding)."""
        (height, width), (new_height, new_width) = self.size, self.resized
        return np.array([new_width / width, new_height / height], dtype=np.float64)

    def _resized_low(self) -> Size:
        """(H, W) of the image inside the low-resolution square."""
        height, width = self.resized
        ratio = self.mask_side / self.side
        return max(1, round(height * ratio)), max(1, round(width * ratio))

    def _pad(self, image: Tensor, value: float) -> Tensor:
        height, width = image.shape[-2:]
        return functional.pad(image, (0, self.side - width, 0, self.side - height), value=value)


def encoder_input(sam: Sam, image: Image) -> Tensor:
    """What the image encoder gets of one image or window of it.

    Args:
        sam: The model.
        image: (3, H, W) in [0, 1].

    Returns:
        (1, 3, side, side), resized, normalised and padded, on the model's device.
    """
    frame = Frame.of(sam, (image.shape[1], image.shape[2]))
    padded, content = frame.image(image)[None], frame.content()[None]
    return _normalized(sam, padded.to(sam.device), content.to(sam.device))


def encode_image(sam: Sam, image: Image) -> Tensor:
    """Embed one image or window of it.

    Args:
        sam: The model.
        image: (3, H, W) in [0, 1].

    Returns:
        (1, C, side / patch, side / patch), on the model's device.
    """
    embedding: Tensor = sam.image_encoder(encoder_input(sam, image))
    return embedding


def encode(sam: Sam, images: Tensor, content: Tensor) -> Tensor:
    """Embed padded images.

    Args:
        sam: The model.
        images: (B, 3, side, side) in [0, 1], padded (``Frame.image``).
        content: (B, side, side) boolean, false in the padding (``Frame.content``).

    Returns:
        (B, C, side / patch, side / patch) embeddings.
    """
    embeddings: Tensor = sam.image_encoder(_normalized(sam, images, content))
    return embeddings


def _normalized(sam: Sam, images: Tensor, content: Tensor) -> Tensor:
    """Scale as the model was trained with; the padding stays zero."""
    normalized: Tensor = (images * 255.0 - sam.pixel_mean) / sam.pixel_std * content[:, None]
    return normalized
