"""SAM's image encoder on exact attention that needs neither the matrix of scores nor padded tokens.

Modules and tensor names are those of the ``segment-anything`` package, whose checkpoints it takes.
"""

from __future__ import annotations

import torch
from segment_anything.modeling import ImageEncoderViT
from segment_anything.modeling.image_encoder import Attention, Block
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from samdomains.sam.attention import attend, position_terms

TOKENS_AT_ONCE = 1024
"""Tokens that pass through an MLP together without gradients: their activations stay in a CPU's
caches."""


class ImageEncoder(ImageEncoderViT):  # type: ignore[misc]  # the package has no types
    """Answers as the package's encoder does, faster and in less memory.

    Attributes:
        checkpointing: Whether training keeps only what enters each block, and runs the block again
            in the backward pass: a third more time, a fraction of the memory. The gradients are
            the same.
    """

    checkpointing = False

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S), normalised → embeddings (B, C, S / patch, S / patch)."""
        tokens = self.patch_embed(images)
        if self.pos_embed is not None:
            tokens = tokens + self.pos_embed
        again = self.checkpointing and torch.is_grad_enabled()
        for block in self.blocks:
            if again:
                tokens = checkpoint(run_block, block, tokens, use_reentrant=False)
            else:
                tokens = run_block(block, tokens)
        embeddings: Tensor = self.neck(tokens.permute(0, 3, 1, 2))
        # In the layout in which kept embeddings are read: another one rounds sums otherwise.
        return embeddings.contiguous()


def run_block(block: Block, tokens: Tensor) -> Tensor:
    """One block of the encoder: (B, H, W, C) → (B, H, W, C).

    Without gradients a block with windows works on one row of windows of one image at a time, and
    the MLP on some of the tokens: the same values, in less memory.
    """
    if torch.is_grad_enabled():
        tokens = tokens + _attention(block, block.norm1(tokens))
        changed: Tensor = tokens + block.mlp(block.norm2(tokens))
        return changed
    out = torch.empty_like(tokens, memory_format=torch.contiguous_format)
    batch, height = tokens.shape[:2]
    step = block.window_size or height
    for image in range(batch):
        for top in range(0, height, step):
            place = slice(image, image + 1), slice(top, top + step)
            part, result = tokens[place], out[place]
            torch.add(part, _attention(block, block.norm1(part)), out=result)
            for some in torch.split(result.flatten(0, 2), TOKENS_AT_ONCE):
                some.add_(block.mlp(block.norm2(some)))
    return out


def _attention(block: Block, tokens: Tensor) -> Tensor:
    """Attention within windows, or over all tokens where the block has none."""
    attention: Attention = block.attn
    qkv = attention.qkv(tokens)
    side, (height, width) = block.window_size, tokens.shape[1:3]
    if side == 0:
        out = _attend_within(attention, qkv)
    else:
        windows = _into_windows(qkv, attention.qkv.bias, side)
        out = _out_of_windows(_attend_within(attention, windows), height, width)
    attended: Tensor = attention.proj(out)
    return attended


def _attend_within(attention: Attention, qkv: Tensor) -> Tensor:
    """(B, h, w, 3 * C) → (B, h, w, C)."""
    batch, height, width, _ = qkv.shape
    heads = qkv.reshape(batch, height * width, 3, attention.num_heads, -1)
    queries, keys, values = heads.permute(2, 0, 3, 1, 4)
    terms = position_terms(queries, attention.rel_pos_h, attention.rel_pos_w, height, width)
    out = attend(queries, keys, values, *terms)
    return out.transpose(1, 2).reshape(batch, height, width, -1)


def _into_windows(qkv: Tensor, padding: Tensor, side: int) -> Tensor:
    """(B, H, W, C) → (B * windows, side, side, C), in rows of windows.

    The package pads the tokens with zeros before the linear layer, so that its bias is what all
    padded queries, keys and values are.

    Args:
        qkv: Of the tokens of the image.
        padding: (C,), of each padded token.
        side: Of a window.
    """
    batch, height, width, channels = qkv.shape
    below, right = -height % side, -width % side
    if right:
        fill = padding.to(qkv.dtype).expand(batch, height, right, channels)
        qkv = torch.cat([qkv, fill], dim=2)
    if below:
        fill = padding.to(qkv.dtype).expand(batch, below, width + right, channels)
        qkv = torch.cat([qkv, fill], dim=1)
    down, across = qkv.shape[1] // side, qkv.shape[2] // side
    cut = qkv.reshape(batch, down, side, across, side, channels)
    return cut.transpose(2, 3).flatten(0, 2)


def _out_of_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """The inverse of ``_into_windows``, without the padding."""
    side, channels = windows.shape[2:]
    down, across = -(-height // side), -(-width // side)
    grid = windows.reshape(-1, down, across, side, side, channels).transpose(2, 3)
    return grid.flatten(3, 4).flatten(1, 2)[:, :height, :width]
