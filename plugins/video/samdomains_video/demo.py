"""The demo data of the domain: a few generated clips, one of each kind, as MP4 with masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from samdomains.plugin import atomic_path, write_json
from samdomains_video.clips import FRAME_RATE
from samdomains_video.demo_scenes import AnnotatedClip, Motion, make_clip
from samdomains_video.drawing import save_labels
from samdomains_video.encoding import written_video

KINDS: Mapping[str, Motion] = {
    "plain": Motion(frames=8),
    "scale": Motion(frames=8, growth=1.8),
    "occlusion": Motion(frames=10, occlusion=True),
}
"""Name → what happens in the clip."""

SPLITS: Mapping[str, Sequence[str]] = {
    "train": ["plain_0", "scale_0", "occlusion_0"],
    "val": ["scale_1"],
    "test": ["occlusion_1", "plain_1"],
}
"""The clips in each part of ``splits.json``."""


def write_demo_data(directory: Path, seed: int) -> Path:
    """Write ``videos/``, ``labels/`` and ``splits.json`` under ``directory`` and return it.

    Args:
        directory: An existing, empty folder.
        seed: The same seed gives the same files.
    """
    names = sorted(name for part in SPLITS.values() for name in part)
    for index, name in enumerate(names):
        motion = KINDS[name.partition("_")[0]]
        clip = make_clip(np.random.default_rng([seed, index]), motion)
        write_clip(directory / "videos" / f"{name}.mp4", clip)
        write_labels(directory / "labels" / name, clip)
    write_json(directory / "splits.json", SPLITS)
    return directory


def write_clip(path: Path, clip: AnnotatedClip) -> None:
    """Write the frames as MP4, ``FRAME_RATE`` to a second."""
    size = clip.labels.shape[1], clip.labels.shape[2]
    with atomic_path(path) as temporary, written_video(temporary, size) as put:
        for number, picture in enumerate(clip.frames):
            put(Fraction(number, FRAME_RATE), picture)


def write_labels(folder: Path, clip: AnnotatedClip) -> None:
    """Write the truth as palette images, ``00000.png`` and so on."""
    for number, labels in enumerate(clip.labels):
        with atomic_path(folder / f"{number:05d}.png") as temporary:
            save_labels(temporary, labels)
