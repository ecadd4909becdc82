"""SAM's two-way transformer, with the projections of the image's positions left out.

A prompt is a handful of tokens, an image thousands of positions. ``segment_anything`` projects
every position to queries, keys and values of all heads. Matrix products may be taken in any order:
here the tokens are carried through the projections to the width of the positions instead, and meet
them there. The answer is the same up to rounding, in about half the time, and the projections'
outputs need not be kept for the backward pass.

Layers are asked, never their tensors, so that an adapted layer (LoRA) counts as it is. Its dropout
drops a feature for all positions alike.
"""

from __future__ import annotations

import math

import torch
from segment_anything.modeling.transformer import Attention, TwoWayTransformer
from torch import Tensor, nn


def two_way(
    transformer: TwoWayTransformer, image: Tensor, position: Tensor, tokens: Tensor
) -> tuple[Tensor, Tensor]:
    """The same as ``TwoWayTransformer.forward``, on positions that lie in one row.

    Args:
        transformer: Whose layers are used.
        image: (N, P, C) embeddings of P positions.
        position: (1, P, C) positional encoding of them.
        tokens: (N, T, C).

    Returns:
        (N, T, C) tokens and (N, P, C) positions after the transformer.
    """
    states, placed = tokens, image + position
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            states = layer.norm1(layer.self_attn(states, states, states))
        else:
            asking = states + tokens
            states = layer.norm1(states + layer.self_attn(asking, asking, states))
        read = _read(layer.cross_attn_token_to_image, states + tokens, placed, image)
        states = layer.norm2(states + read)
        states = layer.norm3(states + layer.mlp(states))
        written = _write(layer.cross_attn_image_to_token, placed, states + tokens, states)
        image = layer.norm4(image + written)
        placed = image + position
    read = _read(transformer.final_attn_token_to_image, states + tokens, placed, image)
    return transformer.norm_final_attn(states + read), image


def _read(attention: Attention, tokens: Tensor, placed: Tensor, image: Tensor) -> Tensor:
    """Tokens (N, T, C) attend to positions (N, P, C), as keys and as values: (N, T, C)."""
    heads, count = attention.num_heads, tokens.shape[1]
    keys, _ = _heads_of(attention.k_proj, heads)  # its bias is alike for all positions: no change
    values, value_bias = _heads_of(attention.v_proj, heads)
    asking = _scaled(attention.q_proj(tokens), heads)
    carried = torch.einsum("nthd,chd->nhtc", asking, keys).flatten(1, 2)
    shares = torch.softmax(_scores(placed, carried), dim=2)
    read = (shares @ image).reshape(len(tokens), heads, count, -1)
    result = torch.einsum("nhtc,chd->nthd", read, values) + value_bias
    answer: Tensor = attention.out_proj(result.flatten(2))
    return answer


def _write(attention: Attention, placed: Tensor, tokens: Tensor, values: Tensor) -> Tensor:
    """Positions (N, P, C) attend to tokens (N, T, C), as keys and as values: (N, P, C)."""
    heads, count = attention.num_heads, tokens.shape[1]
    queries, query_bias = _heads_of(attention.q_proj, heads)
    keys = _scaled(attention.k_proj(tokens), heads)
    carried = torch.einsum("nthd,chd->nhtc", keys, queries).flatten(1, 2)
    offset = torch.einsum("nthd,hd->nht", keys, query_bias).flatten(1)[..., None]
    scores = (_scores(placed, carried) + offset).reshape(len(tokens), heads, count, -1)
    shares = torch.softmax(scores, dim=2).flatten(1, 2)
    out, out_bias = _matrix(attention.out_proj)
    given = attention.v_proj(values).reshape(len(tokens), count, heads, -1)
    out = out.reshape(heads, -1, out.shape[1])
    written = torch.einsum("nthd,hdc->nhtc", given, out).flatten(1, 2)
    # A head's shares sum to one, so each head brings its part of the bias.
    answer: Tensor = shares.transpose(1, 2) @ (written + out_bias / heads)
    return answer


def _scores(placed: Tensor, carried: Tensor) -> Tensor:
    """(N, P, C) and (N, K, C) → (N, K, P); the gradient of ``placed`` keeps its layout."""
    return (placed @ carried.transpose(1, 2)).transpose(1, 2)


def _scaled(projected: Tensor, heads: int) -> Tensor:
    """(N, T, heads * d) → (N, T, heads, d), divided by the root of d."""
    split = projected.reshape(*projected.shape[:2], heads, -1)
    return split / math.sqrt(split.shape[3])


def _heads_of(layer: nn.Linear, heads: int) -> tuple[Tensor, Tensor]:
    """(C, heads, d) matrix and (heads, d) bias of a linear layer."""
    matrix, bias = _matrix(layer)
    return matrix.reshape(len(matrix), heads, -1), bias.reshape(heads, -1)


def _matrix(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """(inputs, outputs) matrix and (outputs,) bias of a linear layer: what it answers to units."""
    first = next(layer.parameters())
    units = torch.eye(layer.in_features, device=first.device, dtype=first.dtype)
    answers = layer(torch.cat([units, torch.zeros_like(units[:1])]))
    bias = answers[-1]
    return answers[:-1] - bias, bias
