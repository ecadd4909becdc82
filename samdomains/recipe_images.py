"""The sections of a recipe about images: reading, dividing, slicing, tiling, grey levels."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]

OutputFormat: TypeAlias = Literal[
    "native",
    "png",
    "coco",
    "nifti",
    "nrrd",
    "mha",
    "dicom-seg",
    "rtstruct",
    "geotiff",
    "geojson",
    "cutout",
]
"""Formats of masks; a domain says which of them it writes."""


class Section(BaseModel):
    """A part of a recipe: frozen values; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class DataRecipe(Section):
    """How a folder of labelled images is read and divided.

    Attributes:
        masks: What the mask files mean. ``binary``: zero is background, anything else foreground.
            ``instances``: every value but zero is one object. ``classes``: every value is a class.
            ``auto``: ``classes`` with a ``labels.json``, else ``instances`` for a ``labels/``
            folder, else ``binary``.
        objects: What one prompt stands for in a binary or class mask: ``components`` (each
            connected part) or ``whole`` (all pixels of the class in the image).
        threshold: Grey level from which a binary mask counts as foreground; 0 means any non-zero.
        minimum_area: Objects with fewer pixels are left out of training and scoring.
        validation_fraction: Share of the groups used for validation where no ``splits.json`` says.
        test_fraction: Share of the groups used for the test where no ``splits.json`` says.
        train_images: Train on so many images alone (slices, tiles), drawn by the seed among those
            that show an object, and choose the weights on no more; the test stays as it is. A
            smaller number draws some of those that a larger one draws. None takes all.
        series: UID of the series to read where a DICOM folder holds several.
        resample_labels: Bring labels that lie on another grid than their volume to its voxels, by
            the nearest neighbour; otherwise they are an error.
        nodata: Value of pixels that hold nothing, where the file does not say; NaN always is one.
        pixel_size: Side of a pixel in millimetres, where the file does not say; None leaves
            measurements in pixels.
        soft_edge: Width of the soft edge of cut-outs on each side of the mask's contour, as a share
            of the longer side of the image; None is the domain's own.
        output: Format in which masks are written; ``native`` is that of the input.
    """

    masks: Literal["auto", "binary", "instances", "classes"] = "auto"
    objects: Literal["components", "whole"] = "whole"
    threshold: Annotated[int, Field(ge=0)] = 0
    minimum_area: Count = 4
    validation_fraction: Fraction = 0.15
    test_fraction: Fraction = 0.2
    train_images: Count | None = None
    series: str | None = None
    resample_labels: bool = False
    nodata: float | None = None
    pixel_size: Positive | None = None
    soft_edge: Annotated[float, Field(gt=0.0, le=0.1)] | None = None
    output: OutputFormat = "native"

    @model_validator(mode="after")
    def _leave_something_to_train_on(self) -> DataRecipe:
        if self.validation_fraction + self.test_fraction >= 1.0:
            raise ValueError("validation_fraction + test_fraction must be below 1")
        return self


class VolumeRecipe(Section):
    """How a volume becomes slices.

    Attributes:
        axis: The plane of the slices. ``auto`` takes the one across the largest spacing, in which
            the volume was acquired; axial where all spacings are the same.
        bias_correction: Remove the smooth shading of an MRI coil before anything else (N4,
            Tustison et al. 2010, doi:10.1109/TMI.2010.2046908); seconds to minutes a volume.
        spacing: Distance of neighbouring voxels along Z, Y and X in mm, for volumes whose file does
            not say it, as a plain TIFF stack; scores in millimetres need it.
    """

    axis: Literal["auto", "axial", "coronal", "sagittal"] = "auto"
    bias_correction: bool = False
    spacing: tuple[Positive, Positive, Positive] | None = None


class PropagationRecipe(Section):
    """How an object is followed from slice to slice of a volume, or from frame to frame.

    The next slice's prompt is made of the object in the slice before, in training too
    (``prompts.neighbour``).

    Attributes:
        margin: Room that the next box leaves around the object, as a share of its sides; at least
            a pixel.
        points: Points inside the object that are added to the box.
        mask: Whether the object's mask is added as well.
        appearance: Weight of the pixels' grey levels (how much more likely they are inside the
            object than around it) beside the model's logits.
        shape: Weight of the object's shape in the slice before, moved as the picture moves.
        stop: An object ends where the probability that it goes on is smaller.
        dip: An object ends too where its contrast with what is around it falls, and rises again
            by so much of the contrast at the prompt: another one begins, as with cells above each
            other. None is for objects that do not lie so.
        patience: Slices after an object's end in which it is looked for, as things in a video come
            back from behind others; 0 takes the first end for the last.
        branches: Whether what joins the object is followed back into slices that were passed
            without it, as the other leg of an arch.
        axes: Axes of the volume along which the object is followed: 1, or 3 with a doubt map.
    """

    margin: Fraction = 0.05
    points: Annotated[int, Field(ge=0, le=8)] = 0
    mask: bool = True
    appearance: Annotated[float, Field(ge=0.0)] = 1.0
    shape: Annotated[float, Field(ge=0.0)] = 0.5
    stop: Fraction = 0.4
    dip: Fraction | None = None
    patience: Annotated[int, Field(ge=0)] = 0
    branches: bool = True
    axes: Literal[1, 3] = 1


class SceneRecipe(Section):
    """How an image that may be larger than memory is taken apart.

    Attributes:
        tile: Side in pixels of the square tiles that are read at once.
        overlap: Pixels that neighbouring tiles have in common; an object that is no wider lies
            whole in one of them.
    """

    tile: Annotated[int, Field(ge=128)] = 1024
    overlap: Annotated[int, Field(ge=0)] = 256

    @model_validator(mode="after")
    def _tiles_move_on(self) -> SceneRecipe:
        if self.overlap > self.tile // 2:
            raise ValueError(f"overlap must be at most half a tile ({self.tile // 2})")
        return self


class IntensityRecipe(Section):
    """How stored pixels become values in [0, 1].

    Attributes:
        method: ``percentile`` stretches between two percentiles of the whole case; ``range``
            divides between fixed values (a CT window, 0 to 255 for photos); ``zscore`` between two
            numbers of standard deviations from the mean.
        lower: Percentile (0 to 100), intensity or number of standard deviations that becomes 0.
        upper: The same for 1.
        body: Take the upper percentile, or mean and deviation, only over what is brighter than
            Otsu's threshold (1979, doi:10.1109/TSMC.1979.4310076), so that the amount of air around
            a body does not count. The lower percentile is of everything: dark tissue stays visible.
        per_channel: Stretch each channel by itself instead of all by the same values.
        channels: Which stored channels make red, green and blue; one index is repeated. None
            takes the first three, or the only one three times.
    """

    method: Literal["percentile", "range", "zscore"] = "percentile"
    lower: float = 0.1
    upper: float = 99.9
    body: bool = False
    per_channel: bool = False
    channels: tuple[int, ...] | None = None

    @model_validator(mode="after")
    def _lower_below_upper(self) -> IntensityRecipe:
        if self.lower >= self.upper:
            raise ValueError(f"lower must be below upper, got {self.lower} and {self.upper}")
        if self.method == "percentile" and not (self.lower >= 0 and self.upper <= 100):
            raise ValueError("percentiles lie between 0 and 100")
        if self.body and self.method == "range":
            raise ValueError("body has no meaning for fixed intensities (method range)")
        if self.channels is not None and len(self.channels) not in (1, 3):
            raise ValueError(f"channels needs one or three indices, got {len(self.channels)}")
        return self
