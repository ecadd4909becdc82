"""The architectures: the official SAMs and `tiny`, of the `segment-anything` package's classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import torch
from segment_anything.modeling import (
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from samdomains.sam.encoder import ImageEncoder
from samdomains.sam.stem import ConvStem

ModelName: TypeAlias = Literal["tiny", "vit_b", "vit_l", "vit_h"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a SAM.

    Attributes:
        embed_dim: Width of the image encoder.
        depth: Blocks of the image encoder.
        num_heads: Attention heads of a block.
        global_blocks: Indices of the blocks that attend over the whole image.
        image_size: Side of the padded square input in pixels.
        patch_size: Side of a patch in pixels.
        window_size: Side of an attention window in patches.
        prompt_dim: Width of prompt encoder and mask decoder.
        decoder_mlp_dim: Hidden width of the two-way transformer's MLP.
        conv_stem: Convolutions in place of the patch projection (``samdomains/sam/stem.py``);
            only with patches of 8 pixels.
    """

    embed_dim: int
    depth: int
    num_heads: int
    global_blocks: tuple[int, ...]
    image_size: int = 1024
    patch_size: int = 16
    window_size: int = 14
    prompt_dim: int = 256
    decoder_mlp_dim: int = 2048
    conv_stem: bool = False

    @property
    def embedding_size(self) -> int:
        """Side of the image embedding in patches."""
        return self.image_size // self.patch_size

    @property
    def mask_size(self) -> int:
        """Side of the low-resolution masks that the decoder gives and the prompt encoder takes."""
        return 4 * self.embedding_size


ARCHITECTURES: Mapping[ModelName, Architecture] = {
    "tiny": Architecture(
        embed_dim=160,
        depth=3,
        num_heads=5,
        global_blocks=(0, 2),
        image_size=256,
        patch_size=8,
        window_size=8,
        prompt_dim=128,
        decoder_mlp_dim=512,
        conv_stem=True,
    ),
    # Kirillov et al. 2023, arXiv:2304.02643: the shapes of the released checkpoints.
    "vit_b": Architecture(768, 12, 12, (2, 5, 8, 11)),
    "vit_l": Architecture(1024, 24, 16, (5, 11, 17, 23)),
    "vit_h": Architecture(1280, 32, 16, (7, 15, 23, 31)),
}

# ImageNet statistics in the 0 to 255 scale, as the released checkpoints were trained with.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


def build_architecture(name: ModelName) -> Sam:
    """A SAM with random weights, in evaluation mode, float32 on the CPU (or the current device)."""
    return build_sam(ARCHITECTURES[name])


def parameter_count(name: ModelName) -> int:
    """Parameters of a model, which is not given any memory for them."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_architecture(name).parameters())


def build_sam(shape: Architecture) -> Sam:
    """A SAM of the given shape with random weights, in evaluation mode."""
    side = shape.embedding_size
    sam = Sam(
        image_encoder=ImageEncoder(
            depth=shape.depth,
            embed_dim=shape.embed_dim,
            img_size=shape.image_size,
            mlp_ratio=4,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            num_heads=shape.num_heads,
            patch_size=shape.patch_size,
            qkv_bias=True,
            use_rel_pos=True,
            global_attn_indexes=shape.global_blocks,
            window_size=shape.window_size,
            out_chans=shape.prompt_dim,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=shape.prompt_dim,
            image_embedding_size=(side, side),
            input_image_size=(shape.image_size, shape.image_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            num_multimask_outputs=3,
            transformer=TwoWayTransformer(
                depth=2,
                embedding_dim=shape.prompt_dim,
                mlp_dim=shape.decoder_mlp_dim,
                num_heads=8,
            ),
            transformer_dim=shape.prompt_dim,
            iou_head_depth=3,
            iou_head_hidden_dim=256,
        ),
        pixel_mean=list(PIXEL_MEAN),
        pixel_std=list(PIXEL_STD),
    )
    if shape.conv_stem:
        sam.image_encoder.patch_embed = ConvStem(shape.embed_dim)
    return sam.eval()
