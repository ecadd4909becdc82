from __future__ import annotations

import numpy as np

from samdomains.training.canvas import Canvas, cell_edges, number_cells, turned


def test_a_later_shape_hides_an_earlier_one_and_a_part_stays_in_its_whole() -> None:
    canvas, square = Canvas(16), np.ones((6, 6), dtype=bool)
    first = canvas.add(square, np.array([5, 5]))
    second = canvas.add(square, np.array([9, 9]))
    part = canvas.add(np.ones((20, 20), dtype=bool), np.array([5, 5]), parent=first)
    layout = canvas.layout(alike=True)
    assert layout.parents == (0, 0, 0, first)
    assert np.count_nonzero(layout.labels == second) == 36
    assert not (layout.labels == first).any()
    assert np.count_nonzero(layout.labels == part) == 36 - 4


def test_a_gap_clears_the_surroundings_of_a_shape() -> None:
    canvas = Canvas(16)
    canvas.labels[:] = canvas.add(np.ones((32, 32), dtype=bool), np.array([8, 8]))
    canvas.add(np.ones((4, 4), dtype=bool), np.array([8, 8]), gap=1)
    assert np.count_nonzero(canvas.labels == 2) == 16
    assert np.count_nonzero(canvas.labels == 0) > 0


def test_a_shape_outside_hides_everything_of_itself() -> None:
    assert Canvas(8).covered_share(np.ones((2, 2), dtype=bool), np.array([40, 40])) == 1.0


def test_edges_lie_where_labels_meet() -> None:
    labels = np.repeat(np.array([[1, 1, 1, 2, 2, 2]], dtype=np.int16), 4, axis=0)
    assert not cell_edges(labels, 0).any()
    assert cell_edges(labels, 2).any(axis=0).tolist() == [False, False, True, True, False, False]


def test_turning_by_nothing_cuts_out_the_middle() -> None:
    labels = np.arange(64, dtype=np.int16).reshape(8, 8)
    np.testing.assert_array_equal(turned(labels, 0.0, 4), labels[2:6, 2:6])


def test_cells_are_numbered_from_one_without_gaps() -> None:
    cells = np.repeat(np.array([[0, 3, 7, 9]], dtype=np.int16), 4, axis=0)
    for seed in range(10):
        layout = number_cells(np.random.default_rng(seed), cells)
        kept = np.unique(layout.labels)
        assert kept.tolist() == list(range(len(kept)))
        assert len(layout.parents) == len(kept)
