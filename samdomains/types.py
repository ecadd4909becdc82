"""The vocabulary of the house: arrays, objects, prompts and cases, with shapes, axes and units.

Conventions, fixed here once:

* Arrays of pixels are channel first: ``(C, H, W)``; masks and logits are ``(H, W)``.
* Points and box corners are ``(x, y)`` in pixels, x to the right and y down. A point names a
  pixel by its index; a box is ``(x0, y0, x1, y1)`` with ``x1`` and ``y1`` exclusive, so that
  ``mask[y0:y1, x0:x1]`` is its content.
* Sizes are ``(H, W)``.
* A mask is boolean, true inside the object. Logits are positive inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

RawImage: TypeAlias = NDArray[Any]
"""Pixels as they were stored: (C, H, W), any real dtype, any range."""

RawVolume: TypeAlias = NDArray[Any]
"""Pixels of a volume as they were stored: (C, Z, H, W), any real dtype; Z counts the slices."""

Image: TypeAlias = NDArray[np.float32]
"""A normalised image: (3, H, W), float32 in [0, 1], channels in RGB order."""

Mask: TypeAlias = NDArray[np.bool_]
"""(H, W), true inside the object."""

Logits: TypeAlias = NDArray[np.float32]
"""(H, W), positive inside the object; 0 is the decision border."""

Box: TypeAlias = NDArray[np.float32]
"""(4,): x0, y0, x1, y1 in pixels, x1 and y1 exclusive."""

Points: TypeAlias = NDArray[np.float32]
"""(P, 2): (x, y) in pixels."""

PointLabels: TypeAlias = NDArray[np.int64]
"""(P,): 1 for a point on the object, 0 for a point on the background."""

Size: TypeAlias = tuple[int, int]
"""(H, W) in pixels."""

Split: TypeAlias = Literal["train", "val", "test"]

PromptName: TypeAlias = Literal["box", "point", "point+3", "auto"]
"""How the scorer prompts: one box, one point, one point and three corrections, or not at all."""

StrategyName: TypeAlias = Literal["decoder", "lora", "full"]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of an image: rows ``y0`` to ``y1`` and columns ``x0`` to ``x1``, ends exclusive."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def size(self) -> Size:
        """(H, W) in pixels."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices, for ``array[..., *slices]``."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMask:
    """One annotated object of an image, kept as the crop that it occupies.

    Thousands of objects in a large image stay small this way. An object may have holes and
    several parts.

    Attributes:
        crop: (h, w), the mask inside its bounding box; its border rows and columns are not empty.
        origin: (y, x) of the crop's first pixel in the image.
        image_size: (H, W) of the image.
        class_id: Mask value or category id; its name is in ``Case.classes``.
        crowd: A region of uncounted objects (COCO ``iscrowd``): never prompted, never scored.
        slice_index: In a volume the slice that it lies in, from 0; None in an image.
        instance: In a volume the object that this is a cross-section of; 0 in an image.
        score: The model's own estimate of its IoU with the truth, in [0, 1]; None for an
            annotated object.
    """

    crop: Mask
    origin: tuple[int, int]
    image_size: Size
    class_id: int = 1
    crowd: bool = False
    slice_index: int | None = None
    instance: int = 0
    score: float | None = None

    @classmethod
    def from_mask(cls, mask: Mask, *, class_id: int = 1, crowd: bool = False) -> ObjectMask:
        """Crop a full-size mask.

        Args:
            mask: (H, W), with at least one true pixel.
            class_id: Mask value or category id.
            crowd: Whether the region stands for uncounted objects.

        Raises:
            ValueError: The mask is not two-dimensional or has no true pixel.

        Example:
            >>> mask = np.zeros((4, 6), dtype=bool)
            >>> mask[1:3, 2:5] = True
            >>> ObjectMask.from_mask(mask).box.tolist()
            [2.0, 1.0, 5.0, 3.0]
        """
        if mask.ndim != 2:
            raise ValueError(f"a mask must be (H, W), got shape {mask.shape}")
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            raise ValueError("an object needs at least one pixel, got an empty mask")
        y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        height, width = mask.shape
        crop = np.array(mask[y0:y1, x0:x1], dtype=bool, order="C")  # a copy, never a view
        return cls(crop, (y0, x0), (height, width), class_id, crowd)

    @classmethod
    def from_prediction(cls, answer: Prediction, *, class_id: int = 1) -> ObjectMask:
        """The object that an answer shows, scored with the IoU that the model predicts.

        Raises:
            ValueError: The answer has no pixel.
        """
        found = cls.from_mask(answer.logits > 0, class_id=class_id)
        y, x = found.origin[0] + answer.origin[0], found.origin[1] + answer.origin[1]
        score = min(max(float(answer.predicted_iou), 0.0), 1.0)
        return replace(found, origin=(y, x), image_size=answer.image_size, score=score)

    @property
    def box(self) -> Box:
        """(x0, y0, x1, y1) in pixels, x1 and y1 exclusive."""
        y, x = self.origin
        height, width = self.crop.shape
        return np.array([x, y, x + width, y + height], dtype=np.float32)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(np.count_nonzero(self.crop))

    def mask(self) -> Mask:
        """The full-size mask, (H, W)."""
        full = np.zeros(self.image_size, dtype=bool)
        y, x = self.origin
        full[y : y + self.crop.shape[0], x : x + self.crop.shape[1]] = self.crop
        return full


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What tells SAM which ONE object is meant. Any part may be absent, not all of them.

    Attributes:
        box: (4,) in the frame of the mask or image it was made for, or None.
        points: (P, 2) in the same frame; P may be 0.
        point_labels: (P,), 1 on the object, 0 on the background.
        mask_logits: (h, w) low-resolution logits of an earlier answer to the same image, in SAM's
            padded input frame (a quarter of the input's size), or None.
        prior: (H, W) logits of a coarse mask in the frame and of the size of the image, such as
            the object's in a neighbouring slice, or None. It takes the place of ``mask_logits``.
        source: Where the prompt came from. Scores made with ``ground_truth`` prompts say so.
    """

    box: Box | None = None
    points: Points = field(default_factory=lambda: np.zeros((0, 2), dtype=np.float32))
    point_labels: PointLabels = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    mask_logits: Logits | None = None
    prior: Logits | None = None
    source: Literal["ground_truth", "user", "automatic"] = "ground_truth"

    def __post_init__(self) -> None:
        """Refuse arrays of the wrong shape and prompts that say nothing."""
        if self.points.ndim != 2 or self.points.shape[1] != 2:
            raise ValueError(f"points must be (P, 2) as (x, y), got shape {self.points.shape}")
        if self.point_labels.shape != (len(self.points),):
            raise ValueError(
                f"{len(self.points)} points need as many labels, got {self.point_labels.shape}"
            )
        if self.box is not None:
            _require_box(self.box)
        if self.mask_logits is not None and self.prior is not None:
            raise ValueError("a prompt has one mask: mask_logits or prior")
        if self.box is None and len(self.points) == 0 and not self.has_mask:
            raise ValueError("a prompt needs a box, a point or a mask")

    @property
    def has_mask(self) -> bool:
        """Whether it shows a mask, of either kind."""
        return self.mask_logits is not None or self.prior is not None


def _require_box(box: Box) -> None:
    if box.shape != (4,):
        raise ValueError(f"a box must be (4,) as x0, y0, x1, y1, got shape {box.shape}")
    if not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"a box needs x0 < x1 and y0 < y1, got {box.tolist()}")


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """SAM's answer to one prompt, at the image's own resolution.

    Attributes:
        logits: (h, w) in the window of the image that the model looked at; background outside.
        origin: (y, x) of the window's first pixel in the image.
        image_size: (H, W) of the image.
        low_resolution: (m, m) logits in the padded input frame, the mask prompt of a next round.
        predicted_iou: The model's own estimate of its IoU with the truth.
    """

    logits: Logits
    origin: tuple[int, int]
    image_size: Size
    low_resolution: Logits
    predicted_iou: float

    def mask(self) -> Mask:
        """The full-size mask, (H, W)."""
        full = np.zeros(self.image_size, dtype=bool)
        y, x = self.origin
        full[y : y + self.logits.shape[0], x : x + self.logits.shape[1]] = self.logits > 0
        return full


@dataclass(frozen=True, slots=True, eq=False)
class CaseStatistics:
    """Intensity statistics of one WHOLE case, so that no tile or slice is normalised by itself.

    Attributes:
        dtype: Name of the stored dtype, ``uint16`` for example.
        quantiles: (C, 1001), per channel, at 0 to 100 percent in steps of 0.1, over finite pixels.
        mean: (C,), over finite pixels.
        std: (C,), over finite pixels.
    """

    dtype: str
    quantiles: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    def percentile(self, percent: float) -> NDArray[np.float64]:
        """(C,): the intensity below which ``percent`` of each channel's pixels lie."""
        steps = np.linspace(0.0, 100.0, self.quantiles.shape[1])
        return np.array([np.interp(percent, steps, channel) for channel in self.quantiles])


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One image or volume of a data set, read only when asked.

    ``read_pixels`` and ``read_objects`` must pickle (a module-level function, or a frozen
    dataclass with ``__call__``), since worker processes call them. A volume's must also be
    hashable, since what they give is kept for its next slice.

    Attributes:
        id: Unique in the data set; the stem of the image file unless the format has better.
        group: Patient, scene or slide. A split never divides a group.
        read_pixels: Gives the stored pixels, (C, H, W); of a volume (C, Z, H, W).
        read_objects: Gives the annotated objects in a stable order, or is None where the case
            has no annotation. An annotated image without any object gives an empty tuple.
            A volume's are cross-sections, each with its ``slice_index``.
        classes: Class id → name, the same for every case of a data set.
        split: The part of the data set that its authors put the case in, if they did.
        files: The files it is read from, image first; errors name them.
        geometry: What the domain's writer needs to put masks back into the native frame
            (affine, CRS, header). Opaque to the core; must pickle.
        depth: Number of slices of a volume; None for an image.
        slice_of: The volume that the image is a slice of, and which one; None for other images.
        notes: What the loader noticed about it, a sentence each; `samdomains check` warns of it.
        windows: Reads parts of an image that may be larger than memory; None where the whole is
            read at once. An image larger than ``recipe.scene.tile`` is then taken tile by tile,
            each normalised by the statistics of the whole.
        tile_of: The scene that the image is a tile of, and which one; None for other images.
        slices: Reads a volume slice by slice; None where the whole is read at once.
        spacing: Of a volume and of its slices, the distance of neighbouring voxels along Z, Y and
            X in millimetres; None where nothing says it, as in a video.
    """

    id: str
    group: str
    read_pixels: Callable[[], RawImage]
    read_objects: Callable[[], tuple[ObjectMask, ...]] | None
    classes: Mapping[int, str]
    split: Split | None = None
    files: tuple[Path, ...] = ()
    geometry: object | None = None
    depth: int | None = None
    slice_of: SliceOf | None = None
    notes: tuple[str, ...] = ()
    windows: ImageWindows | None = None
    tile_of: TileOf | None = None
    slices: VolumeSlices | None = None
    spacing: tuple[float, float, float] | None = None


class ImageWindows(Protocol):
    """Reads parts of an image that may be larger than memory. Must pickle, and be hashable."""

    @property
    def size(self) -> Size:
        """(H, W) in pixels, from the header alone."""
        ...

    def read(self, window: Window) -> RawImage:
        """(C, h, w): the pixels of a window as stored."""
        ...

    def overview(self) -> RawImage:
        """(C, h, w): the whole in few enough pixels for the memory, for its statistics alone."""
        ...


class VolumeSlices(Protocol):
    """Gives what a volume's readers give, every slice with its number, in any order. Pickles."""

    def pixels(self) -> Iterator[tuple[int, RawImage]]:
        """(C, H, W) of each slice."""
        ...

    def objects(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """The cross-sections in each slice; only asked where there is ``read_objects``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class SliceOf:
    """Where a slice comes from.

    Attributes:
        volume: The whole.
        index: From 0 along the volume's Z axis.
    """

    volume: Case
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class TileOf:
    """Where a tile comes from.

    Attributes:
        scene: The whole.
        window: The pixels of the scene that the tile shows.
    """

    scene: Case
    window: Window
