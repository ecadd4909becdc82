"""Segmenting a scene larger than memory: tile by tile, kept on disk, put together at the end."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from samdomains.data.duplicates import FoundInTile, stitched
from samdomains.data.images import MOST_PIXELS
from samdomains.data.naming import image_file, named_errors
from samdomains.data.object_files import load_objects, save_objects
from samdomains.data.scenes import moved, overlapping_windows, scene_statistics
from samdomains.errors import RunDirectoryError, UsageError
from samdomains.files import write_json
from samdomains.inference import Model
from samdomains.progress import progress_bar
from samdomains.sam.views import ROOM, prompt_extent, shift_prompts
from samdomains.types import Box, Case, CaseStatistics, ObjectMask, Prompts, Size, Window


@dataclass(frozen=True, slots=True)
class KeptTiles:
    """What was found in the tiles of a scene that are done, until the scene is.

    Attributes:
        folder: Where it is kept.
    """

    folder: Path

    def begin(self, work: Mapping[str, object], *, resume: bool) -> None:
        """Make the folder, or with ``resume`` check that it holds tiles of the same work.

        Raises:
            RunDirectoryError: It holds tiles of other work.
        """
        file = self.folder / "work.json"
        if resume and file.exists():
            if json.loads(file.read_text(encoding="utf-8")) != work:
                raise RunDirectoryError(
                    f"{self.folder}: holds tiles of another scene, model, recipe or other prompts. "
                    "Resume with the same arguments, or start anew without --resume"
                )
            return
        self.discard()
        write_json(file, work)

    def get(self, number: int) -> tuple[ObjectMask, ...] | None:
        """What was found in a tile, or None where it is not done."""
        path = self._path(number)
        return load_objects(path) if path.exists() else None

    def put(self, number: int, objects: Sequence[ObjectMask]) -> None:
        """Keep what was found in a tile."""
        save_objects(self._path(number), objects)

    def discard(self) -> None:
        """Forget everything: the scene is done."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _path(self, number: int) -> Path:
        return self.folder / f"tile-{number:06d}.npz"


def found_in_scene(
    model: Model,
    scene: Case,
    prompts: Sequence[Prompts] | None,
    kept: KeptTiles,
    *,
    resume: bool,
) -> list[tuple[int, ObjectMask]]:
    """The objects of a scene, in its pixels.

    Args:
        model: The model.
        scene: A case with ``windows``.
        prompts: One per object, in the scene's pixels; None proposes them.
        kept: Where finished tiles are kept.
        resume: Take finished tiles from there.

    Returns:
        Number of the prompt (of proposed ones from 0, the surest first) and its object.

    Raises:
        UsageError: A prompt lies outside the scene, or spans too much of it.
        RunDirectoryError: The kept tiles are of other work.
    """
    assert scene.windows is not None
    size = scene.windows.size
    if prompts is None:
        jobs: list[tuple[Window, list[int]]] = [
            (window, []) for window in overlapping_windows(size, model.recipe.scene)
        ]
    else:
        with named_errors(scene):
            jobs = _windows_for(prompts, size, model)
    kept.begin(_work(model, scene, prompts), resume=resume)
    tiles = []
    with progress_bar("tiles", len(jobs)) as show:
        for number, (window, members) in enumerate(jobs):
            objects = kept.get(number)
            if objects is None:
                asked = None if prompts is None else [prompts[i] for i in members]
                objects = _found_in_window(model, scene, window, asked)
                kept.put(number, objects)
            tiles.append(FoundInTile(window, objects))
            show(number + 1)
    if prompts is None:
        return list(enumerate(stitched(tiles, size, model.recipe.auto.duplicates)))
    answered = zip(jobs, tiles, strict=True)
    return sorted(
        (
            (i, item)
            for (_, members), tile in answered
            for i, item in zip(members, tile.objects, strict=True)
            if item.area
        ),
        key=lambda pair: pair[0],
    )


def _found_in_window(
    model: Model, scene: Case, window: Window, prompts: Sequence[Prompts] | None
) -> tuple[ObjectMask, ...]:
    """The objects in one window, in the scene's pixels: one for each prompt, empty if not found."""
    assert scene.windows is not None
    size = scene.windows.size
    pixels = scene.windows.read(window)
    with named_errors(scene):
        statistics: CaseStatistics = scene_statistics(scene)
        if prompts is None:
            found = model.automatic(pixels, statistics)
            return tuple(moved(item, window, size) for item in found)
        shifted = [shift_prompts(item, window) for item in prompts]
        answers = dict(model.answers(pixels, shifted, statistics))
    objects = []
    for i in range(len(prompts)):
        if (answers[i].logits > 0).any():
            objects.append(moved(ObjectMask.from_prediction(answers[i]), window, size))
        else:
            objects.append(ObjectMask(np.zeros((1, 1), bool), (0, 0), size, score=0.0))
    return tuple(objects)


def _windows_for(
    prompts: Sequence[Prompts], size: Size, model: Model
) -> list[tuple[Window, list[int]]]:
    """Windows that show each prompt with room around it, and which prompts each shows."""
    grid = overlapping_windows(size, model.recipe.scene)
    corners = np.array([(w.x0, w.y0, w.x1, w.y1) for w in grid], dtype=np.float64)
    outer = corners == np.array([0, 0, size[1], size[0]])
    members: defaultdict[Window, list[int]] = defaultdict(list)
    for i, item in enumerate(prompts):
        extent = prompt_extent(item)
        _require_inside(extent, size)
        gaps = np.where(outer, np.inf, (extent - corners) * np.array([1, 1, -1, -1]))
        clearance = gaps.min(axis=1)
        best = int(clearance.argmax())
        needed = (ROOM - 1) / 2 * float(max(extent[2] - extent[0], extent[3] - extent[1]))
        window = grid[best] if clearance[best] >= needed else _window_around(extent, size)
        members[window].append(i)
    return sorted(members.items(), key=lambda pair: (pair[0].y0, pair[0].x0, pair[0].y1))


def _window_around(extent: Box, size: Size) -> Window:
    """The part of a scene that shows one large object, with room around it."""
    side = ROOM * float(max(extent[2] - extent[0], extent[3] - extent[1]))
    x, y = (extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2
    window = Window(
        max(0, int(y - side / 2)),
        max(0, int(x - side / 2)),
        min(size[0], int(y + side / 2) + 1),
        min(size[1], int(x + side / 2) + 1),
    )
    if window.size[0] * window.size[1] > MOST_PIXELS:
        raise UsageError(
            f"the prompt {extent.tolist()} asks for {window.size[1]} x {window.size[0]} pixels at "
            f"once, more than {MOST_PIXELS}. Segment a smaller version of the scene"
        )
    return window


def _require_inside(extent: Box, size: Size) -> None:
    height, width = size
    if extent[0] >= width or extent[1] >= height or extent[2] <= 0 or extent[3] <= 0:
        raise UsageError(
            f"the prompt {extent.tolist()} lies outside the scene, which is {width} pixels wide "
            f"and {height} high"
        )


def _work(model: Model, scene: Case, prompts: Sequence[Prompts] | None) -> dict[str, object]:
    """What decides the content of the tiles."""
    file = image_file(scene)
    state = file.stat() if file.exists() else None
    digest = hashlib.sha256()
    for item in prompts or ():
        digest.update(f"{item.box} {item.points} {item.point_labels}".encode())
    return {
        "scene": file.name,
        "bytes": state.st_size if state else None,
        "changed": state.st_mtime_ns if state else None,
        "model": model.fingerprint,
        "recipe": hashlib.sha256(model.recipe.model_dump_json().encode()).hexdigest(),
        "prompts": digest.hexdigest() if prompts is not None else "automatic",
    }
