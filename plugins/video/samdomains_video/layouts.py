"""Where the clips of a source are, and the masks of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from samdomains.plugin import IMAGE_SUFFIXES, DataError, name_some
from samdomains_video.decoding import VIDEO_SUFFIXES

CLIP_FOLDERS = ("JPEGImages", "videos", "images")
"""Folders of clips beside which masks are looked for; the first is that of DAVIS."""

MASK_FOLDERS = ("Annotations", "labels", "masks")
"""Folders of masks; the first is that of DAVIS."""

MASKS_OF = "_masks"
"""What the writer adds to a clip's id to name the folder of its masks."""

LAYOUTS = (
    "Allowed are a video file, a folder of its frames, a folder of several of these, and such a "
    "folder named JPEGImages, videos or images beside masks in Annotations, labels or masks: a "
    "folder for each video, a PNG for each frame."
)


@dataclass(frozen=True, slots=True)
class Found:
    """A clip that was found.

    Attributes:
        name: File name without suffix, or the name of the folder of frames.
        path: The video file, or the folder of frames.
        masks: The folder of its masks; None where it has none.
    """

    name: str
    path: Path
    masks: Path | None


def find_clips(source: Path) -> list[Found]:
    """The clips of a source by their names, from the names of files and folders alone.

    Raises:
        DataError: There is none, or files do not belong together; says what is allowed.
    """
    if source.is_file() and source.suffix.lower() in VIDEO_SUFFIXES:
        return [Found(source.stem, source, None)]
    if not source.is_dir():
        raise DataError(source, _no_folder(source), LAYOUTS)
    beside = _only(source, CLIP_FOLDERS)
    if beside is None:
        return list(_clips(source, {}))
    folder = _only(source, MASK_FOLDERS)
    clips = _resolved(beside)
    if folder is None:
        return list(_clips(clips, {}))
    if pictures(clips):  # the frames of one video, with their masks beside them
        return [Found(source.name, clips, folder)]
    masks = _mask_folders(_resolved(folder))
    found = list(_clips(clips, masks))
    _require_pairs(found, masks)
    return found


def in_order(files: Iterator[Path]) -> tuple[Path, ...]:
    """Files by the numbers in their names: ``2.png`` comes before ``10.png``."""
    return tuple(sorted(files, key=lambda path: natural_key(path.name)))


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """What names are sorted by, so that numbers in them count as numbers.

    Example:
        >>> sorted(["a10", "a2", "b1"], key=natural_key)
        ['a2', 'a10', 'b1']
    """
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return [(not digits, int(digits or 0), text) for digits, text in parts]


def pictures(folder: Path) -> tuple[Path, ...]:
    """The images right in a folder, in their order.

    Raises:
        DataError: Two differ in their suffix alone, so that one frame would come twice.
    """
    found = in_order(path for path in _visible(folder) if path.suffix.lower() in IMAGE_SUFFIXES)
    for one, other in pairwise(found):
        if one.stem == other.stem:
            problem = f"{one.name} and {other.name} are the same frame by their names"
            raise DataError(folder, problem, "Leave one of them.")
    return found


def _clips(folder: Path, masks: Mapping[str, Path]) -> Iterator[Found]:
    """The one clip of whose frames a folder is, or the clips in it."""
    videos = in_order(path for path in _visible(folder) if path.suffix.lower() in VIDEO_SUFFIXES)
    frames = pictures(folder)
    if frames and videos:
        problem = f"it holds frames ({frames[0].name}) and videos ({videos[0].name})"
        raise DataError(folder, problem, f"Keep them apart. {LAYOUTS}")
    if frames:
        yield Found(folder.name, folder, masks.get(folder.name))
        return
    folders = [path for path in in_order(folder.iterdir()) if _holds_frames(path)]
    found: dict[str, Path] = {}
    for path in (*videos, *folders):
        name = path.stem if path.is_file() else path.name
        if name in found:
            problem = f"two videos are named '{name}': {found[name].name} and {path.name}"
            raise DataError(folder, problem, "Rename or remove one of them.")
        found[name] = path
    if not found:
        inside = sorted(path.name for path in folder.iterdir())
        got = f"it holds {name_some(inside, most=3)}" if inside else "it is empty"
        raise DataError(folder, f"there is no video and no frame: {got}", LAYOUTS)
    for name in sorted(found, key=natural_key):
        yield Found(name, found[name], masks.get(name))


def _holds_frames(path: Path) -> bool:
    """Whether it is a folder with frames, and not one of masks that the writer wrote."""
    if not path.is_dir() or path.name[0] == "." or path.name.endswith(MASKS_OF):
        return False
    return bool(pictures(path))


def _mask_folders(folder: Path) -> dict[str, Path]:
    """Name of a clip → the folder of its masks."""
    folders = [path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."]
    return {path.name.removesuffix(MASKS_OF): path for path in sorted(folders)}


def _require_pairs(found: list[Found], masks: Mapping[str, Path]) -> None:
    """Refuse clips without masks and masks without a clip."""
    lonely = [clip for clip in found if clip.masks is None]
    if lonely:
        names = name_some([clip.name for clip in lonely])
        raise DataError(
            lonely[0].path,
            f"there are masks beside the videos, but none for {names}",
            "Add a folder of its name with a PNG for each frame, or remove the video.",
        )
    stray = sorted(set(masks) - {clip.name for clip in found})
    if stray:
        problem = f"there is no video for these masks ({name_some(stray)})"
        raise DataError(masks[stray[0]], problem, "Add the video or remove the masks.")


def _only(source: Path, names: tuple[str, ...]) -> Path | None:
    """The one folder of these names; None where there is none."""
    found = [source / name for name in names if (source / name).is_dir()]
    if len(found) > 1:
        problem = f"there are both {found[0].name}/ and {found[1].name}/"
        raise DataError(source, problem, "Rename one of them.")
    return found[0] if found else None


def _resolved(folder: Path) -> Path:
    """The folder of the one resolution of a data set laid out as DAVIS, or the folder itself."""
    if folder.name not in (CLIP_FOLDERS[0], MASK_FOLDERS[0]):
        return folder
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    if any(_holds_frames(path) for path in inner) or not inner:
        return folder
    if len(inner) > 1:
        names = ", ".join(path.name for path in inner)
        raise DataError(folder, f"there are several resolutions ({names})", "Keep one of them.")
    return inner[0]


def _visible(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.name[0] != "." and path.is_file())


def _no_folder(source: Path) -> str:
    """What is wrong with a source that is neither video nor folder."""
    if not source.exists():
        return "there is no such file or folder"
    if source.suffix.lower() in IMAGE_SUFFIXES:
        return "it is a single image, for which the domain `images` is"
    allowed = ", ".join(VIDEO_SUFFIXES)
    return f"it is no video by its name (allowed are {allowed})"
