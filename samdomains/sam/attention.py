"""Exact attention with SAM's decomposed relative positions, without the matrix of all scores.

SAM adds to the score of a query and a key one term for the key's row and one for its column. The
``segment-anything`` package writes the whole matrix to add them, which takes most of the memory of
its encoder. Here the kernel is chosen by the device's type alone:

- CUDA, MPS and others: ``attend_widened``. The terms become further channels of the queries, and
  the keys' channels say in which row and column they stand, so that a fused kernel without a mask
  does everything.
- CPU: ``attend_tiled``. Three times wider heads cost more than the terms there, so these are
  written out and added for a tile of the queries at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction, FunctionCtx
from torch.nn import functional

TILE = 2**21
"""Scores that are in memory at once, 8 MiB: within the caches of a CPU. Larger tensors are given
back to the system when they are freed, and cost as much to get anew as to compute."""

Tile: TypeAlias = tuple[slice, slice, slice]
"""Images or windows, heads and queries."""


def attend(queries: Tensor, keys: Tensor, values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Mean of the values, weighted by the softmax of scaled products and position terms.

    Args:
        queries: (B, heads, N, d).
        keys: (B, heads, H * W, d).
        values: (B, heads, H * W, d).
        rows: (B, heads, N, H), added to the scores of all keys in a row.
        columns: (B, heads, N, W), added to the scores of all keys in a column.

    Returns:
        (B, heads, N, d), in memory as (B, N, heads, d) on the CPU.
    """
    kernel = attend_tiled if queries.device.type == "cpu" else attend_widened
    return kernel(queries, keys, values, rows, columns)


def position_terms(
    queries: Tensor, row_table: Tensor, column_table: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The terms that a query adds to the scores of each row and column of keys.

    Args:
        queries: (B, heads, height * width, d), unscaled.
        row_table: (2 * height - 1, d), from the farthest row below a query to that above it;
            a table of another length is interpolated, as in the ``segment-anything`` package.
        column_table: (2 * width - 1, d), the same for columns.
        height: Rows of queries, and of keys.
        width: Columns.

    Returns:
        (B, heads, N, height) and (B, heads, N, width).
    """
    grid = queries.view(*queries.shape[:2], height, width, queries.shape[3])
    rows = torch.einsum("bnhwc,hkc->bnhwk", grid, _by_distance(row_table, height))
    columns = torch.einsum("bnhwc,wkc->bnhwk", grid, _by_distance(column_table, width))
    return rows.flatten(2, 3), columns.flatten(2, 3)


def attend_widened(
    queries: Tensor, keys: Tensor, values: Tensor, rows: Tensor, columns: Tensor
) -> Tensor:
    """``attend`` by one fused kernel, with d + H + W channels a head.

    The values are padded to the same width: fused kernels refuse values of another one.
    """
    height, width, channels = rows.shape[-1], columns.shape[-1], queries.shape[-1]
    options: Any = {"dtype": keys.dtype, "device": keys.device}
    row_of = torch.eye(height, **options).repeat_interleave(width, 0)
    column_of = torch.eye(width, **options).repeat(height, 1)
    place = torch.cat([row_of, column_of], dim=-1).expand(*keys.shape[:2], -1, -1)
    out = functional.scaled_dot_product_attention(
        torch.cat([queries * channels**-0.5, rows, columns], dim=-1),
        torch.cat([keys, place], dim=-1),
        functional.pad(values, (0, height + width)),
        scale=1.0,
    )
    return out[..., :channels]


def attend_tiled(
    queries: Tensor, keys: Tensor, values: Tensor, rows: Tensor, columns: Tensor
) -> Tensor:
    """``attend`` with ``TILE`` scores in memory at a time, which the backward pass recomputes."""
    out: Tensor = _TiledAttention.apply(queries, keys, values, rows, columns)
    return out


class _TiledAttention(torch.autograd.Function):
    """Keeps its inputs and its output for the backward pass, and no scores."""

    @staticmethod
    def forward(
        ctx: FunctionCtx,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        rows: Tensor,
        columns: Tensor,
    ) -> Tensor:
        batch, heads, count, channels = queries.shape
        out = queries.new_empty(batch, count, heads, channels).transpose(1, 2)
        for tile in _tiles(queries, keys):
            terms = _sum_of_terms(rows[tile], columns[tile])
            out[tile] = functional.scaled_dot_product_attention(
                queries[tile], keys[tile[:2]], values[tile[:2]], attn_mask=terms
            )
        ctx.save_for_backward(queries, keys, values, rows, columns, out)
        return out

    @staticmethod
    def backward(ctx: BackwardCFunction, *gradients: Tensor) -> tuple[Tensor, ...]:
        saved: Sequence[Tensor] = ctx.saved_tensors
        queries, keys, values, rows, columns, out = saved
        (d_out,) = gradients
        scaled = queries * queries.shape[-1] ** -0.5
        # Of the softmax's gradient: the mean over the keys, weighted by their shares.
        mean = (d_out * out).sum(-1, keepdim=True)
        d_queries, d_rows, d_columns = (torch.empty_like(t) for t in (queries, rows, columns))
        d_keys, d_values = torch.zeros_like(keys), torch.zeros_like(values)
        for tile in _tiles(queries, keys):
            group = tile[:2]
            scores = _sum_of_terms(rows[tile], columns[tile])
            shares = scores.add_(scaled[tile] @ keys[group].mT).softmax(-1)
            d_values[group] += shares.mT @ d_out[tile]
            d_scores = (d_out[tile] @ values[group].mT).sub_(mean[tile]).mul_(shares)
            d_queries[tile] = d_scores @ keys[group]
            d_keys[group] += d_scores.mT @ scaled[tile]
            by_place = d_scores.view(*d_scores.shape[:3], rows.shape[-1], columns.shape[-1])
            torch.sum(by_place, -1, out=d_rows[tile])
            torch.sum(by_place, -2, out=d_columns[tile])
        return d_queries * queries.shape[-1] ** -0.5, d_keys, d_values, d_rows, d_columns


def _tiles(queries: Tensor, keys: Tensor) -> Iterator[Tile]:
    """Whole images or windows where they fit, else some queries of one head."""
    batch, heads, count, _ = queries.shape
    of_head = count * keys.shape[2]
    if heads * of_head <= TILE:
        step = TILE // (heads * of_head)
        for start in range(0, batch, step):
            yield slice(start, start + step), slice(None), slice(None)
        return
    step = max(1, TILE // keys.shape[2])
    for image in range(batch):
        for head in range(heads):
            for start in range(0, count, step):
                yield slice(image, image + 1), slice(head, head + 1), slice(start, start + step)


def _sum_of_terms(rows: Tensor, columns: Tensor) -> Tensor:
    """(B, heads, N, H) and (B, heads, N, W) → (B, heads, N, H * W)."""
    return (rows[..., :, None] + columns[..., None, :]).flatten(-2)


def _by_distance(table: Tensor, size: int) -> Tensor:
    """(size, size, d): what a table says of each pair of a query's and a key's row or column."""
    if len(table) != 2 * size - 1:
        flat = functional.interpolate(table.T[None], size=2 * size - 1, mode="linear")
        table = flat[0].T
    places = torch.arange(size, device=table.device)
    return table[places[:, None] - places + size - 1]
