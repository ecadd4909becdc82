"""The network of the U-Net that is trained from scratch, and what it says of a whole image."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

from samdomains.types import Image, Logits, Size

LEVELS = 6
"""Resolutions in the network; each has half the side of the one before."""

MULTIPLE = 2 ** (LEVELS - 1)
"""Sides of the network's input are multiples of this."""

SMALLEST_SIDE = 2 * MULTIPLE
"""Of the network's input: the lowest level then has four pixels."""

WINDOWS_AT_ONCE = 4
"""Windows of a large image that are in memory together."""


class UNetDesign(BaseModel):
    """What the training images decided; enough to build the network and to read its answers.

    Attributes:
        classes: Class ids in the order of the network's channels.
        whole: Whether an image holds one object of each class at most, of which all pixels belong
            together; otherwise each connected part is an object.
        split: Whether objects of a class touch, so that for each class a second channel says where
            two of them meet.
        scale: Pixels of the network's input for a pixel of the image, along a side.
        side: Of the square windows that the network sees, in pixels of its input.
        smallest: Area in pixels of the image below which a part is no object.
        width: Channels of the first level; each of the next has twice as many, up to 16 times.
        fine: Whether the first level keeps the resolution of the input, which takes four times
            as long.
        schema_version: Of these values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    classes: Annotated[tuple[int, ...], Field(min_length=1)]
    whole: bool
    split: bool
    scale: Annotated[float, Field(gt=0.0, le=1.0)]
    side: Annotated[int, Field(ge=SMALLEST_SIDE, multiple_of=MULTIPLE)]
    smallest: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    fine: bool
    schema_version: Literal[1] = 1

    @property
    def channels(self) -> int:
        """Outputs of the network: a class each and, where objects touch, its borders each."""
        return len(self.classes) * (2 if self.split else 1)

    def input_size(self, size: Size) -> Size:
        """(H, W) of an image of ``size`` as the network sees it."""
        height, width = (max(1, round(self.scale * side)) for side in size)
        return height, width


def build_unet(design: UNetDesign) -> nn.Module:
    """A U-Net with residual units and batch normalisation, its weights drawn by torch.

    Not instance normalisation: in a window without an object it makes noise as strong as objects.
    For the same reason a convolution of its own gives the channels, where MONAI's network alone
    would normalise what is found of each.

    Reference:
        Ronneberger et al. 2015, arXiv:1505.04597; Kerfoot et al. 2018,
        doi:10.1007/978-3-030-12029-0_40 (the residual units).
    """
    body = UNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=design.width,
        channels=[design.width * 2 ** min(level, 4) for level in range(LEVELS)],
        strides=[1 if design.fine else 2, *[2] * (LEVELS - 2)],
        num_res_units=2,
        norm="BATCH",
    )
    return nn.Sequential(body, nn.PReLU(), nn.Conv2d(design.width, design.channels, 1))


def padded(image: Image, side: int) -> Image:
    """Mirror a (C, H, W) image at its lower and right border up to ``side``, where it is smaller.

    A row or column alone is repeated.
    """
    below, right = (max(0, side - length) for length in image.shape[1:])
    if below == right == 0:
        return image
    return np.pad(image, ((0, 0), (0, below), (0, right)), mode="symmetric")


def resized(image: Image, size: Size) -> Image:
    """Bring a (C, H, W) image to ``size``, bilinearly and without aliasing."""
    if image.shape[1:] == size:
        return image
    full = torch.from_numpy(np.ascontiguousarray(image))[None]
    result: NDArray[np.float32] = functional.interpolate(
        full, size, mode="bilinear", align_corners=False, antialias=True
    )[0].numpy()
    return result


def input_logits(net: nn.Module, design: UNetDesign, image: Image) -> Logits:
    """(K, h, w) float32 log-odds of each channel for a whole image in the size of the input.

    Windows of a larger image overlap by a quarter, and count most in their middle.

    Args:
        net: In evaluation mode.
        design: Of the network.
        image: (3, h, w) in [0, 1], of ``design.input_size``.
    """
    device = next(net.parameters()).device
    height, width = image.shape[1:]
    pixels = torch.from_numpy(np.ascontiguousarray(padded(image, design.side)))[None].to(device)
    with torch.inference_mode(), half_precision(device):
        logits: Tensor = sliding_window_inference(
            pixels, design.side, WINDOWS_AT_ONCE, net, overlap=0.25, mode="gaussian"
        )
    result: Logits = logits[0, :, :height, :width].float().cpu().numpy()
    return result


def image_logits(net: nn.Module, design: UNetDesign, image: Image) -> Logits:
    """(K, H, W) float32 log-odds of each channel for an image, (3, H, W) in [0, 1]."""
    size = (image.shape[1], image.shape[2])
    return resized(input_logits(net, design, resized(image, design.input_size(size))), size)


def half_precision(device: torch.device) -> torch.autocast:
    """Within the block a CUDA GPU that has bfloat16 multiplies in it; others use float32."""
    able = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=able)
