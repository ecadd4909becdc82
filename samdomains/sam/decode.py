"""Prompts and embeddings in, masks out: many prompts of several images in one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor, nn
from torch.nn import functional

from samdomains.sam.two_way import two_way
from samdomains.types import Prompts


class Answer(NamedTuple):
    """SAM's raw answer to N prompts, best read through ``select``.

    Attributes:
        logits: (N, 4, m, m) low-resolution mask logits: the single mask, then the three of the
            ambiguous case.
        iou: (N, 4) predicted IoU of each.
    """

    logits: Tensor
    iou: Tensor


def decode(sam: Sam, embeddings: Tensor, image_index: Tensor, prompts: Sequence[Prompts]) -> Answer:
    """Answer prompts that may belong to different images and differ in kind.

    The same computation as ``MaskDecoder.forward``, which takes one image at a time.

    Args:
        sam: The model.
        embeddings: (B, C, h, w) image embeddings.
        image_index: (N,) which image each prompt belongs to.
        prompts: N prompts in the frame of SAM's input (``Frame.prompts``).
    """
    groups: dict[tuple[bool, int, bool], list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        kind = (prompt.box is not None, len(prompt.points), prompt.mask_logits is not None)
        groups[kind].append(index)
    order = [index for members in groups.values() for index in members]
    rows = _in_a_row(embeddings).contiguous()
    answers = [
        _decode_alike(sam, rows[image_index[members]], [prompts[i] for i in members])
        for members in groups.values()
    ]
    back = torch.from_numpy(np.argsort(order)).to(embeddings.device)
    logits = torch.cat([answer.logits for answer in answers])[back]
    return Answer(logits, torch.cat([answer.iou for answer in answers])[back])


def select(answer: Answer, ambiguous: Tensor) -> tuple[Tensor, Tensor]:
    """Take one mask per prompt.

    Args:
        answer: From ``decode``.
        ambiguous: (N,) boolean: choose the best of the three masks by predicted IoU; otherwise
            the single mask is taken.

    Returns:
        (N, m, m) logits and (N,) predicted IoU.
    """
    best = torch.where(ambiguous, answer.iou[:, 1:].argmax(dim=1) + 1, 0)
    rows = torch.arange(len(best), device=best.device)
    return answer.logits[rows, best], answer.iou[rows, best]


def is_ambiguous(prompts: Prompts) -> bool:
    """A single point alone may mean a part, a whole or a group (SAM paper, section 3)."""
    return prompts.box is None and prompts.mask_logits is None and len(prompts.points) == 1


def _decode_alike(sam: Sam, rows: Tensor, prompts: Sequence[Prompts]) -> Answer:
    """Decode prompts of one kind; ``rows`` is (N, h * w, C), the image of each prompt."""
    sparse, dense = sam.prompt_encoder(*_as_tensors(prompts, rows.device))
    decoder = sam.mask_decoder
    own = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([own.expand(len(prompts), -1, -1), sparse], dim=1)
    image = rows + _in_a_row(dense)
    position = _in_a_row(sam.prompt_encoder.get_dense_pe()).contiguous()
    states, source = two_way(decoder.transformer, image, position, tokens)
    weights = torch.stack(
        [mlp(states[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=2
    )
    logits = _upscaled(decoder.output_upscaling, source) @ weights
    return Answer(_in_place(logits, *dense.shape[2:]), decoder.iou_prediction_head(states[:, 0]))


def _in_a_row(image: Tensor) -> Tensor:
    """(N, C, h, w) → (N, h * w, C)."""
    return image.flatten(2).transpose(1, 2)


def _upscaled(upscaling: nn.Sequential, source: Tensor) -> Tensor:
    """(N, P, C) → (N, 16 P, C / 8): the four by four cells of each position, one after another.

    Steps of two with kernels of two do not overlap: each transposed convolution is a linear layer
    that gives the four cells of a position, and cells can stay there until the end.
    """
    layers: list[Any] = list(upscaling)
    first, norm, activation, second, last_activation = layers
    cells = activation(
        functional.layer_norm(
            _four_cells(first, source), norm.weight.shape, norm.weight, norm.bias, norm.eps
        )
    )
    upscaled: Tensor = last_activation(_four_cells(second, cells))
    return upscaled


def _four_cells(convolution: nn.ConvTranspose2d, source: Tensor) -> Tensor:
    """(N, P, C) → (N, 4 P, D), the cells of a position row by row."""
    matrix = convolution.weight.permute(2, 3, 1, 0).flatten(0, 2)
    bias = convolution.get_parameter("bias").repeat(4)
    return functional.linear(source, matrix, bias).reshape(
        len(source), -1, convolution.out_channels
    )


def _in_place(cells: Tensor, height: int, width: int) -> Tensor:
    """(N, 16 h w, K) in the order of ``_upscaled`` → (N, K, 4 h, 4 w)."""
    split = cells.reshape(len(cells), height, width, 2, 2, 2, 2, -1)
    ordered = split.permute(0, 7, 1, 3, 5, 2, 4, 6)
    return ordered.reshape(len(cells), -1, 4 * height, 4 * width)


def _as_tensors(
    prompts: Sequence[Prompts], device: torch.device
) -> tuple[tuple[Tensor, Tensor] | None, Tensor | None, Tensor | None]:
    """Stack prompts of one kind into the prompt encoder's points, boxes and masks."""
    first = prompts[0]
    points = boxes = masks = None
    if len(first.points):
        coordinates = torch.from_numpy(np.stack([p.points for p in prompts])).to(device)
        labels = torch.from_numpy(np.stack([p.point_labels for p in prompts])).to(device)
        points = (coordinates.float(), labels)
    if first.box is not None:
        boxes = torch.from_numpy(np.stack([p.box for p in prompts if p.box is not None])).to(device)
    if first.mask_logits is not None:
        stacked = np.stack([p.mask_logits for p in prompts if p.mask_logits is not None])
        masks = torch.from_numpy(stacked)[:, None].to(device)
    return points, boxes, masks
