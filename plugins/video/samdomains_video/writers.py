"""Writers of segmented clips: an overlay to look at, and exact masks frame by frame."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samdomains.plugin import Case, DataError, ObjectMask, Size, atomic_path, file_stem, image_file
from samdomains_video.clips import Clip
from samdomains_video.drawing import Depth8, by_frame, label_image, overlay, save_labels
from samdomains_video.encoding import written_video
from samdomains_video.layouts import MASKS_OF

MOST_OBJECTS = 255
"""Objects in an 8-bit label image."""


@dataclass(frozen=True)
class FrameMaskWriter:
    """Writes ``<id>_masks/00000.png`` and so on, as DAVIS has its masks.

    One 8-bit palette image for each frame: 0 is background, every other value one object, the same
    in all frames. Where objects overlap, the smaller lies over the larger.
    """

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one clip under the folder ``out``; returns the files.

        The folder of masks gets its name once it is complete, and takes the place of an older one.

        Raises:
            DataError: There are too many objects, or the id of the case is no file name.
        """
        clip = _clip(case)
        stem, frames = file_stem(case), by_frame(objects, object_values(case, objects))
        size = objects[0].image_size if objects else _size(clip)
        folder = out / f"{stem}{MASKS_OF}"
        digits = max(5, len(str(clip.count - 1)))
        names = [f"{number:0{digits}d}.png" for number in range(clip.count)]
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{stem}-", dir=out) as temporary:
            made = Path(temporary) / "masks"
            made.mkdir()
            for number, name in enumerate(names):
                save_labels(made / name, label_image(size, frames.get(number, [])))
            if folder.exists():
                folder.rename(Path(temporary) / "old")
            made.rename(folder)
        return [folder / name for name in names]


@dataclass(frozen=True)
class OverlayWriter:
    """Writes ``<id>.mp4``, the clip with its objects in colours, and the masks beside it.

    The video has the size and the times of the clip's frames. It is to look at: what was found
    exactly stands in the masks.
    """

    def __call__(self, case: Case, objects: Sequence[ObjectMask], out: Path) -> Sequence[Path]:
        """Write the objects of one clip under the folder ``out``; returns the files.

        Raises:
            DataError: The clip is damaged, there are too many objects, or the id of the case is no
                file name.
        """
        masks = FrameMaskWriter()(case, objects, out)
        frames = by_frame(objects, object_values(case, objects))
        clip, path = _clip(case), out / f"{file_stem(case)}.mp4"
        with atomic_path(path) as temporary:
            _write_overlay(temporary, clip, frames)
        return [path, *masks]


def object_values(case: Case, objects: Sequence[ObjectMask]) -> list[int]:
    """The value of each cross-section in the masks, from 1.

    That is its ``instance`` where all have one that 8 bits can hold, so that numbers are kept;
    otherwise instances are counted in the order in which they appear.

    Raises:
        DataError: There are more than ``MOST_OBJECTS``.
    """
    numbers: dict[int, int] = {}
    for item in objects:
        numbers.setdefault(item.instance, len(numbers) + 1)
    if len(numbers) > MOST_OBJECTS:
        raise DataError(
            image_file(case),
            f"{len(numbers)} objects do not fit into masks of 8 bits",
            f"Ask for at most {MOST_OBJECTS} at once.",
        )
    if all(1 <= instance <= MOST_OBJECTS for instance in numbers):
        return [item.instance for item in objects]
    return [numbers[item.instance] for item in objects]


def _write_overlay(path: Path, clip: Clip, frames: dict[int, list[tuple[int, ObjectMask]]]) -> None:
    with written_video(path, _size(clip)) as put:
        depth: Depth8 | None = None
        for number, frame in enumerate(clip.frames()):
            depth = Depth8.of(frame.pixels) if depth is None else depth
            put(frame.time, overlay(depth.picture(frame.pixels), frames.get(number, [])))


def _size(clip: Clip) -> Size:
    """(H, W) of the frames, the right way up."""
    height, width = next(clip.frames()).pixels.shape[1:]
    return height, width


def _clip(case: Case) -> Clip:
    """The clip that the loader put into the case."""
    clip = case.geometry
    if not isinstance(clip, Clip):
        problem = "its case has no clip"
        raise DataError(image_file(case), problem, "Load it with the domain `video`.")
    return clip
