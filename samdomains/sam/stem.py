"""A convolutional stem in place of SAM's patch projection, for encoders trained on few images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (32, 64, 128, 144)
"""Channels at strides 2, 4, 8 and 16."""

GROUPS = 8


class ConvStem(nn.Module):
    """Residual convolutions down to stride 16 and back to 8, then a projection.

    It takes the place of ``ImageEncoderViT.patch_embed`` with patches of 8 pixels. Convolutions
    before the attention make small vision transformers learn faster (Xiao et al. 2021,
    arXiv:2106.14881); the way down and back is a U-Net's (Ronneberger et al. 2015,
    doi:10.1007/978-3-319-24574-4_28).

    Attributes:
        proj: The last layer, named as in ``PatchEmbed``.

    Args:
        embed_dim: Width of the encoder.
    """

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        half, quarter, eighth, sixteenth = WIDTHS
        self.down = nn.Sequential(
            _halve(3, half),
            _Residual(half),
            _activate(half),
            _halve(half, quarter),
            _Residual(quarter),
            _activate(quarter),
            _halve(quarter, eighth),
            _Residual(eighth),
        )
        self.context = nn.Sequential(
            _activate(eighth),
            _halve(eighth, sixteenth),
            _Residual(sixteenth),
            _Residual(sixteenth),
            _activate(sixteenth),
            nn.Conv2d(sixteenth, eighth, 1),
        )
        self.join = nn.Sequential(_Residual(eighth), _activate(eighth))
        self.proj = nn.Conv2d(eighth, embed_dim, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W), H and W multiples of 16 → (B, H / 8, W / 8, embed_dim)."""
        fine = self.down(images.contiguous(memory_format=torch.channels_last))
        coarse = functional.interpolate(self.context(fine), scale_factor=2.0, mode="bilinear")
        tokens: Tensor = self.proj(self.join(fine + coarse)).permute(0, 2, 3, 1)
        return tokens


class _Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        changed: Tensor = values + self.second(functional.gelu(self.first(self.norm(values))))
        return changed


def _halve(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)


def _activate(width: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(GROUPS, width), nn.GELU())
