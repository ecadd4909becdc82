"""Masks of a clip, a file for each frame, in which a value stands for one object throughout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from samdomains.plugin import (
    DataError,
    MaskReading,
    ObjectMask,
    crops_by_value,
    name_some,
    read_mask,
)
from samdomains_video.clips import Clip, FrameFolder
from samdomains_video.layouts import pictures


@dataclass(frozen=True)
class FrameMasks:
    """Reads the objects of a clip from its masks. Hashable.

    Attributes:
        files: A mask for each frame, in their order.
        reading: What their values mean.
    """

    files: tuple[Path, ...]
    reading: MaskReading

    @classmethod
    def of(cls, folder: Path, clip: Clip, reading: MaskReading) -> FrameMasks:
        """Pair the masks of a folder with the frames: by their names, or in their order in a video.

        Raises:
            DataError: A frame has no mask, or a mask no frame.
        """
        files = pictures(folder)
        if isinstance(clip, FrameFolder):
            _require_same_names(folder, files, clip)
        elif len(files) != clip.count:
            raise DataError(
                folder,
                f"it holds {len(files)} masks, and {clip.path.name} has {clip.count} frames",
                "Save a PNG for every frame, all zero where no object is: 00000.png and so on.",
            )
        return cls(files, reading)

    def __call__(self) -> tuple[ObjectMask, ...]:
        """All cross-sections, frame by frame, sorted by value in each."""
        return tuple(item for _, objects in self.by_frame() for item in objects)

    def by_frame(self) -> Iterator[tuple[int, tuple[ObjectMask, ...]]]:
        """The number of each frame and its objects; the value of a mask is the ``instance``.

        Raises:
            DataError: A mask is damaged, coloured, or of another size than the first.
        """
        size: tuple[int, ...] | None = None
        for number, file in enumerate(self.files):
            values = read_mask(file)
            size = values.shape if size is None else size
            if values.shape != size:
                problem = f"it is of size {values.shape}, and {self.files[0].name} of size {size}"
                raise DataError(file, problem, "Masks have the size of their frames; export anew.")
            if self.reading.meaning == "binary":
                values = (values > max(0, self.reading.threshold - 1)).astype(values.dtype)
            yield (
                number,
                tuple(
                    replace(
                        ObjectMask(crop, origin, (values.shape[0], values.shape[1])),
                        class_id=self._class_of(value),
                        slice_index=number,
                        instance=value,
                    )
                    for value, crop, origin in crops_by_value(values)
                    if self.reading.meaning != "classes" or value in self.reading.classes
                ),
            )

    def _class_of(self, value: int) -> int:
        """In ``classes`` the value itself, otherwise the one class that all objects have."""
        return value if self.reading.meaning == "classes" else next(iter(self.reading.classes))


def _require_same_names(folder: Path, files: tuple[Path, ...], clip: FrameFolder) -> None:
    """Refuse frames without a mask of their name, and masks without a frame."""
    frames, masks = ({path.stem for path in found} for found in (clip.files, files))
    if frames - masks:
        raise DataError(
            folder,
            f"{len(frames - masks)} of {clip.count} frames have no mask of their name, such as "
            f"{min(frames - masks)}",
            "Add them, all zero where no object is, or leave out the frames.",
        )
    if masks - frames:
        stray = name_some(sorted(masks - frames))
        raise DataError(folder, f"there is no frame for {stray}", "Add the frames or remove them.")
