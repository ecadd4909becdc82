"""Clips as cases: to the core, a video is a volume whose Z axis is time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from samdomains.plugin import (
    DEFAULT_CLASSES,
    Case,
    MaskReading,
    Recipe,
    read_classes,
    with_metadata,
)
from samdomains_video.annotations import FrameMasks
from samdomains_video.clips import Clip, ClipPixels, ClipSlices, FrameFolder
from samdomains_video.decoding import VideoFile
from samdomains_video.layouts import Found, find_clips, pictures

LABELS_FILE = "labels.json"


def load_any(source: Path, recipe: Recipe) -> Sequence[Case]:
    """List the clips of a source without decoding a frame.

    Args:
        source: A video file, a folder of frames, a folder of several, or such a folder beside
            masks (``layouts.LAYOUTS``).
        recipe: ``recipe.data`` says what the values of masks mean.

    Raises:
        DataError: There is no clip, or files are missing, superfluous, damaged or do not fit.
    """
    labels = source / LABELS_FILE
    names = read_classes(labels) if labels.is_file() else {}
    cases = [_case(found, names, recipe) for found in find_clips(source)]
    return with_metadata(source, cases) if source.is_dir() else cases


def _case(found: Found, names: dict[int, str], recipe: Recipe) -> Case:
    clip = _clip(found.path)
    annotated, classes = None, DEFAULT_CLASSES
    if found.masks is not None:
        reading = MaskReading.of(found.masks.parent, names, recipe.data)
        annotated, classes = FrameMasks.of(found.masks, clip, reading), reading.classes
    return Case(
        id=found.name,
        group=found.name,
        read_pixels=ClipPixels(clip),
        read_objects=annotated,
        classes=classes,
        files=(found.path,) if found.masks is None else (found.path, found.masks),
        geometry=clip,
        depth=clip.count,
        notes=(clip.note,) if clip.note else (),
        slices=ClipSlices(clip, annotated),
    )


def _clip(path: Path) -> Clip:
    return FrameFolder.of(path, pictures(path)) if path.is_dir() else VideoFile.of(path)
