"""Curves of training, of confidence over slices and of learning, for light and for dark pages."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

PANELS = (
    ("train_loss", "training loss", 3),
    ("val_dice", "validation Dice", 3),
    ("learning_rate", "learning rate", 1.6),
)
"""Key of an epoch, title and relative height."""

LIGHT = {"ink": "#3a4048", "grid": "#d9dde3", "line": "#0072b2", "best": "#d55e00"}
DARK = {"ink": "#c3c9d1", "grid": "#3a414b", "line": "#56b4e9", "best": "#e69f00"}


def loss_curve(history: Sequence[Mapping[str, float]], *, dark: bool = False) -> bytes:
    """Draw training loss, validation Dice and learning rate over the epochs.

    The epoch with the best validation Dice is marked.

    Args:
        history: One mapping for each epoch, with ``epoch``, ``train_loss``, ``val_dice`` and
            ``learning_rate``. A value may be NaN.
        dark: Use colours for a dark page.

    Returns:
        An SVG file with a transparent ground, the same bytes for the same history.

    Raises:
        ValueError: The history is empty.
    """
    if not history:
        raise ValueError("a training curve needs at least one epoch")
    colours = DARK if dark else LIGHT
    with matplotlib.rc_context(_settings(colours)):
        figure = Figure(figsize=(5, 4.6), layout="constrained")
        heights = [height for _, _, height in PANELS]
        axes = figure.subplots(len(PANELS), 1, sharex=True, height_ratios=heights)
        epochs = [epoch["epoch"] for epoch in history]
        for axis, (key, title, _) in zip(axes, PANELS, strict=True):
            values = [epoch[key] for epoch in history]
            axis.plot(epochs, values, ".-", color=colours["line"], linewidth=1.6, markersize=5)
            _dress(axis, title, colours)
        _mark_best(axes[1], epochs, [epoch["val_dice"] for epoch in history], colours["best"])
        axes[-1].set_xlabel("epoch", color=colours["ink"])
        axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure)


def confidence_curve(
    confidence: Mapping[int, float], prompted: Sequence[int] = (), *, dark: bool = False
) -> bytes:
    """Draw how sure a system is of an object in each slice of a volume.

    Args:
        confidence: Slice → confidence in [0, 1]; a gap where slices are missing.
        prompted: Slices that were prompted, which are marked.
        dark: Use colours for a dark page.

    Returns:
        An SVG file with a transparent ground, the same bytes for the same values.

    Raises:
        ValueError: There is no slice.
    """
    if not confidence:
        raise ValueError("a curve of confidence needs at least one slice")
    colours = DARK if dark else LIGHT
    slices = range(min(confidence), max(confidence) + 1)
    values = [confidence.get(index, math.nan) for index in slices]
    with matplotlib.rc_context(_settings(colours)):
        figure = Figure(figsize=(5, 2.4), layout="constrained")
        axis = figure.subplots()
        axis.plot(slices, values, ".-", color=colours["line"], linewidth=1.6, markersize=4)
        for index in prompted:
            axis.axvline(index, color=colours["best"], linewidth=1.6, linestyle="--")
        _dress(axis, "confidence", colours)
        axis.set_ylim(0, 1.05)
        axis.set_yticks([0, 0.5, 1])
        axis.set_xlabel("slice", color=colours["ink"])
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        return _svg(figure)


@dataclass(frozen=True)
class Line:
    """A line of a learning curve.

    Attributes:
        name: In the legend.
        points: Number of training images, score.
        trained: Whether the score depends on them; a level line is dashed otherwise.
    """

    name: str
    points: Sequence[tuple[int, float]]
    trained: bool


LINE_COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#8a8a8a", "#8a8a8a", "#d55e00", "#56b4e9")
"""Of the lines in their order; told apart by the colour-blind (Okabe and Ito 2008), the untuned in
grey."""

MARKERS = "os^xD*v"


def learning_curve(lines: Sequence[Line], *, dark: bool = False) -> bytes:
    """Draw how scores depend on the number of training images, on a logarithmic axis.

    Args:
        lines: One for each system.
        dark: Use colours for a dark page.

    Returns:
        An SVG file with a transparent ground, the same bytes for the same values.
    """
    colours = DARK if dark else LIGHT
    with matplotlib.rc_context(_settings(colours)):
        figure = Figure(figsize=(5, 4), layout="constrained")
        axis = figure.subplots()
        for index, line in enumerate(lines):
            axis.plot(
                *zip(*line.points, strict=True),
                "-" if line.trained else "--",
                marker=MARKERS[index % len(MARKERS)],
                color=LINE_COLOURS[index % len(LINE_COLOURS)],
                linewidth=1.6,
                markersize=5,
                label=line.name,
            )
        _dress(axis, "Dice from boxes", colours)
        sizes = sorted({images for line in lines for images, _ in line.points})
        axis.set_xscale("log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_xlabel("training images", color=colours["ink"])
        figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=2)
        return _svg(figure)


def jitter_curve(
    jitters: Sequence[float], lines: Mapping[str, Sequence[float]], *, dark: bool = False
) -> bytes:
    """Draw how Dice falls as boxes get worse.

    Args:
        jitters: Shift of the sides, as a share of the box.
        lines: Name of a system → its Dice at each; the untuned, first, is dashed. A value may be
            NaN.
        dark: Use colours for a dark page.

    Returns:
        An SVG file with a transparent ground, the same bytes for the same values.
    """
    colours = DARK if dark else LIGHT
    with matplotlib.rc_context(_settings(colours)):
        figure = Figure(figsize=(5, 3), layout="constrained")
        axis = figure.subplots()
        percent = [100 * jitter for jitter in jitters]
        drawn = zip(lines.items(), ("--", "-"), ("best", "line"), strict=True)
        for (name, values), style, colour in drawn:
            axis.plot(percent, values, "o" + style, color=colours[colour], markersize=4, label=name)
        _dress(axis, "Dice from boxes", colours)
        axis.set_xticks(percent)
        axis.set_xlabel("sides moved by, percent of the box", color=colours["ink"])
        axis.legend(fontsize=8, frameon=False)
        return _svg(figure)


def gain_curve(
    points: Sequence[tuple[float, float, float]],
    saved: float,
    limit: float,
    *,
    dark: bool = False,
) -> bytes:
    """Draw what mixes of original and tuned weights gain over what they forget.

    Args:
        points: Share of the tuned weights, change of Dice on other domains, gain of validation
            Dice, by share. A point with NaN is left out.
        saved: Share of the mix that was saved, which is ringed if it is among them.
        limit: Change on other domains that is too much: a dashed line, where it is not far off.
        dark: Use colours for a dark page.

    Returns:
        An SVG file with a transparent ground, the same bytes for the same values.

    Raises:
        ValueError: There is no point to draw.
    """
    known = [point for point in points if all(map(math.isfinite, point))]
    if not known:
        raise ValueError("a curve of gain needs at least one point that was measured")
    colours = DARK if dark else LIGHT
    with matplotlib.rc_context(_settings(colours)):
        figure = Figure(figsize=(5, 3.2), layout="constrained")
        axis = figure.subplots()
        _, changes, gains = zip(*known, strict=True)
        axis.plot(changes, gains, "o-", color=colours["line"], linewidth=1.6, markersize=4)
        for share, change, gain in known:
            axis.annotate(
                f"{share:g}",
                (change, gain),
                textcoords="offset points",
                xytext=(5, 5),
                fontsize=8,
                color=colours["ink"],
            )
            if share == saved:
                axis.plot(change, gain, "o", color=colours["best"], markersize=10, fillstyle="none")
        if min(changes) < limit / 2:
            axis.axvline(limit, color=colours["best"], linewidth=1.2, linestyle="--")
        _dress(axis, "gain of validation Dice, by share of tuned weights", colours)
        axis.xaxis.set_major_locator(MaxNLocator(5))
        axis.margins(0.08)
        axis.set_xlabel("change of Dice on other domains", color=colours["ink"])
        return _svg(figure)


def _settings(colours: Mapping[str, str]) -> dict[str, object]:
    return {"svg.hashsalt": "samdomains", "font.size": 9, "text.color": colours["ink"]}


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _dress(axis: Axes, title: str, colours: Mapping[str, str]) -> None:
    """Title, grid and bare spines in the page's colours."""
    axis.set_title(title, loc="left", fontsize=10, color=colours["ink"])
    axis.grid(color=colours["grid"], linewidth=0.7)
    axis.tick_params(colors=colours["ink"], length=0)
    axis.yaxis.set_major_locator(MaxNLocator(4))
    axis.set_axisbelow(True)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _mark_best(axis: Axes, epochs: Sequence[float], dice: Sequence[float], colour: str) -> None:
    """A ring around the best epoch, with its value."""
    known = [index for index, value in enumerate(dice) if math.isfinite(value)]
    if not known:
        return
    best = max(known, key=lambda index: dice[index])
    axis.plot(epochs[best], dice[best], "o", color=colour, markersize=9, fillstyle="none")
    axis.set_title(f"best {dice[best]:.3f}", loc="right", fontsize=10, color=colour)
