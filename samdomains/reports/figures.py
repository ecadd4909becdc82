"""Pictures of one case: what was asked, what is true, what each system answered and got wrong."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from samdomains.reports.overlay import LEGEND, OUTLINE, Colour, Pixels, cropped, draw, to_pixels
from samdomains.reports.scores import system_name
from samdomains.types import Image, Mask, ObjectMask, Prompts, Size

PAPER: Colour = (255, 255, 255)
INK: Colour = (32, 36, 42)
KEY = (*LEGEND, (OUTLINE, "outline of the truth"))

GAP = 10
"""White pixels between panels."""

NARROWEST = 240
"""A column is at least this wide, so that labels fit above slender panels."""

PANEL_SIDE = 360
"""The longer side of a panel is enlarged to this many pixels at least, by a whole factor."""

LARGEST_SIDE = 720
"""A longer side than this is reduced, so that a report of large images stays small."""

WEBP_QUALITY = 80
"""Of pictures that were not enlarged."""


@dataclass(frozen=True)
class _Scale:
    """From the pixels of an image to the pixels of its panel.

    Attributes:
        source: (H, W) of the image.
        target: (H, W) of the panel.
    """

    source: Size
    target: Size

    @classmethod
    def for_panel(cls, source: Size) -> _Scale:
        """Enlarge small images by a whole factor, reduce large ones, leave the rest."""
        longer = max(source)
        factor = float(-(-PANEL_SIDE // longer)) if longer < PANEL_SIDE else 1.0
        factor = min(factor, LARGEST_SIDE / longer)
        return cls(source, (max(1, round(source[0] * factor)), max(1, round(source[1] * factor))))

    def image(self, image: Image) -> Image:
        """(3, H, W) to the panel's size: repeated pixels or their means."""
        if self.target[0] >= self.source[0]:
            rows, columns = self._nearest()
            return image[:, rows[:, None], columns]
        picture = PIL.Image.fromarray(to_pixels(image))
        reduced = picture.resize(self.target[::-1], PIL.Image.Resampling.BOX)
        return np.asarray(reduced, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)

    def mask(self, mask: Mask) -> Mask:
        """(H, W) to the panel's size, by the nearest pixel."""
        rows, columns = self._nearest()
        return mask[rows[:, None], columns]

    @property
    def enlarged(self) -> bool:
        """Whether pixels became blocks with hard edges."""
        return self.target > self.source

    def prompts(self, prompts: Prompts) -> Prompts:
        """Box and points in the panel's pixels."""
        factor = np.array(self.target[::-1], dtype=np.float32) / self.source[::-1]
        box = None if prompts.box is None else prompts.box * np.tile(factor, 2)
        points = (prompts.points + 0.5) * factor - 0.5
        return Prompts(box, points, prompts.point_labels, source=prompts.source)

    def _nearest(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """For each row and column of the panel, the source's."""
        rows, columns = (
            ((np.arange(target) + 0.5) * source / target).astype(np.intp)
            for source, target in zip(self.source, self.target, strict=True)
        )
        return rows, columns


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a case.

    Attributes:
        label: What stands above it.
        alt: What it shows, for who cannot see it.
        webp: A WebP file, without any metadata.
    """

    label: str
    alt: str
    webp: bytes


def case_panels(
    image: Image,
    *,
    prompts: Sequence[Prompts],
    truth: Iterable[Mask],
    predictions: Mapping[str, Iterable[Mask]],
    dice: Mapping[str, float] | None = None,
) -> list[Panel]:
    """Pictures of a case: prompts, truth, then each system's answer and its errors.

    Small images are enlarged pixel by pixel and large ones reduced.

    Args:
        image: (3, H, W) in [0, 1].
        prompts: One per object, in the image's pixels.
        truth: (H, W) each, in the order of the prompts.
        predictions: System → (H, W) each, in the same order.
        dice: System → Dice of the case, shown beside the system's name.

    Returns:
        Two for the case and two for each system, all of one size.

    Raises:
        ValueError: A system has not one answer for each true object.
    """
    case = _Drawn.of(image, prompts, truth)
    objects = _count(len(case.truth), "object")
    panels = [
        case.panel(
            "Image and prompts", f"image with {_count(len(prompts), 'prompt')}", case.asked()
        ),
        case.panel(f"Truth, {objects}", f"true outlines of {objects}", case.true()),
    ]
    for system, masks in predictions.items():
        name, answers = system_name(system), case.scaled(masks)
        score = f", Dice {dice[system]:.3f}" if dice and system in dice else ""
        errors = f"what {name} found, missed and drew beyond the truth{score}"
        panels += [
            case.panel(name + score, f"outlines that {name} answered", case.found(answers)),
            case.panel(f"{name}, errors", errors, case.errors(answers)),
        ]
    return panels


def case_panel(
    image: Image,
    *,
    prompts: Sequence[Prompts],
    truth: Iterable[Mask],
    predictions: Mapping[str, Iterable[Mask]],
    dice: Mapping[str, float] | None = None,
) -> bytes:
    """One picture of a case for a document: prompts, truth, and each system's errors.

    Panels stand in two columns, with the legend in the last cell.

    Args:
        image: (3, H, W) in [0, 1].
        prompts: One per object, in the image's pixels.
        truth: (H, W) each, in the order of the prompts.
        predictions: System → (H, W) each, in the same order.
        dice: System → Dice of the case, shown beside the system's name.

    Returns:
        A PNG file.

    Raises:
        ValueError: A system has not one answer for each true object.
    """
    case = _Drawn.of(image, prompts, truth)
    panels = [
        ("Image and prompts", case.asked()),
        (f"Truth, {_count(len(case.truth), 'object')}", case.true()),
    ]
    for system, masks in predictions.items():
        score = f", Dice {dice[system]:.3f}" if dice and system in dice else ""
        panels.append((system_name(system) + score, case.errors(case.scaled(masks))))
    return as_png(_sheet(panels))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A case at the size of its panels, and how each of them is drawn."""

    scale: _Scale
    image: Image
    prompts: Sequence[Prompts]
    truth: Sequence[ObjectMask | None]

    @classmethod
    def of(cls, image: Image, prompts: Sequence[Prompts], truth: Iterable[Mask]) -> _Drawn:
        scale = _Scale.for_panel((image.shape[1], image.shape[2]))
        asked = [scale.prompts(prompt) for prompt in prompts]
        return cls(scale, scale.image(image), asked, [cropped(scale.mask(mask)) for mask in truth])

    def scaled(self, masks: Iterable[Mask]) -> list[ObjectMask | None]:
        return [cropped(self.scale.mask(mask)) for mask in masks]

    def asked(self) -> Pixels:
        return draw(self.image, self.prompts, [], None)

    def true(self) -> Pixels:
        return draw(self.image, (), self.truth, None)

    def found(self, answers: Sequence[ObjectMask | None]) -> Pixels:
        return draw(self.image, (), answers, None)

    def errors(self, answers: Sequence[ObjectMask | None]) -> Pixels:
        return draw(self.image, (), self.truth, answers)

    def panel(self, label: str, alt: str, pixels: Pixels) -> Panel:
        picture = PIL.Image.fromarray(pixels)
        return Panel(label, alt, as_webp(picture, lossless=self.scale.enlarged))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _sheet(panels: Sequence[tuple[str, Pixels]]) -> PIL.Image.Image:
    """Labelled panels in two columns on white paper, with the legend in the last cell.

    The letters grow with the panels, since the page shows every sheet at the same width.
    """
    height, width = panels[0][1].shape[:2]
    column = max(width, NARROWEST)
    letter = column // 18
    title = letter * 8 // 5
    row = title + height + GAP
    legend_at = (len(panels) % 2 * (column + GAP), len(panels) // 2 * row)
    bottom = max(legend_at[1] + title * (len(KEY) + 1), -(-len(panels) // 2) * row - GAP)
    sheet = PIL.Image.new("RGB", (2 * column + GAP, bottom), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(letter)
    for index, (label, pixels) in enumerate(panels):
        x, y = index % 2 * (column + GAP), index // 2 * row
        pen.text((x, y), label, fill=INK, font=font)
        sheet.paste(PIL.Image.fromarray(pixels), (x, y + title))
    for line, (colour, word) in enumerate(KEY, start=1):
        x, y = legend_at[0], legend_at[1] + line * title
        pen.rectangle((x, y + 3, x + letter, y + 3 + letter), fill=colour, outline=INK)
        pen.text((x + 3 * letter // 2, y), word, fill=INK, font=font)
    return sheet


def as_png(picture: PIL.Image.Image) -> bytes:
    """The picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def as_webp(picture: PIL.Image.Image, *, lossless: bool) -> bytes:
    """The picture as a WebP file, without any metadata.

    Args:
        picture: RGB.
        lossless: Keep hard edges and the colours of thin lines; photographs get larger by it.
    """
    buffer = io.BytesIO()
    if lossless:
        picture.save(buffer, format="WEBP", lossless=True)
    else:
        picture.save(buffer, format="WEBP", quality=WEBP_QUALITY)
    return buffer.getvalue()
