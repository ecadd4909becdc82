"""Scoring whole objects of volumes: each is prompted in one slice and followed to its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from markupsafe import Markup

from samdomains.evaluation.surface import measure_sections
from samdomains.evaluation.volume_results import VolumeScore
from samdomains.evaluation.volume_targets import (
    PROMPT,
    VolumeTarget,
    targets_of,
    whole_volumes,
)
from samdomains.inference import TEMPORARY_BYTES, remembering
from samdomains.processes import ALONE, Processes, current_processes
from samdomains.progress import progress_bar
from samdomains.protocols import Normalizer
from samdomains.recipe import Recipe
from samdomains.reports.volume_figures import VolumePicture
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Case
from samdomains.volume_pictures import Draw, picture_of
from samdomains.volumes.following import OpenVolume, VolumeObject

Open: TypeAlias = Callable[[Case], OpenVolume]
"""Opens a volume for one system."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredVolume:
    """What all systems made of one volume.

    Attributes:
        scores: One for each system and object.
        section: Of the report, if it was drawn.
    """

    scores: tuple[VolumeScore, ...]
    section: Markup | None = None


def follow_volumes(
    systems: Mapping[str, SamSegmenter],
    cases: Sequence[Case],
    normalizer: Normalizer,
    recipe: Recipe,
    draw: Draw,
) -> list[ScoredVolume]:
    """Score the whole volumes among the cases; nothing where ``evaluation.volume_objects`` is 0.

    Embeddings for which there is no cache are kept in a temporary folder, once for all systems
    that have the same encoder.

    Args:
        systems: By name; answers of the first are drawn.
        cases: Images, slices and tiles.
        normalizer: Stored pixels → image, by the statistics of the whole volume.
        recipe: Says which objects are followed and how, and how they are scored.
        draw: See ``score_volumes``.

    Raises:
        DataError: A volume or its annotation cannot be read.
    """
    volumes = whole_volumes(cases) if recipe.evaluation.volume_objects else ()
    cache = EmbeddingCache.temporary(TEMPORARY_BYTES)
    opening = {
        name: partial(
            OpenVolume.of,
            segmenter=remembering(system, cache),
            normalizer=normalizer,
            recipe=recipe.propagation,
        )
        for name, system in systems.items()
    }
    return score_volumes(opening, volumes, recipe, draw, current_processes())


def score_volumes(
    systems: Mapping[str, Open],
    volumes: Sequence[Case],
    recipe: Recipe,
    draw: Draw,
    processes: Processes = ALONE,
) -> list[ScoredVolume]:
    """Follow objects of each volume with every system, all from the same prompts.

    Args:
        systems: Name → what opens a volume for it.
        volumes: From ``whole_volumes``; one after the other is open, for one system at a time.
        recipe: Says which objects are followed, and the tolerance of the surface Dice.
        draw: Called for each volume by the process that followed its objects.
        processes: Take a share of the volumes each, and all get what all found.

    Returns:
        One for each volume; one without any object to follow has no score.

    Raises:
        DataError: A volume or its annotation cannot be read.
    """

    def own() -> list[ScoredVolume]:
        mine, scored = processes.share(list(enumerate(volumes))), []
        with progress_bar("following objects", len(mine)) as show:
            for done, (place, volume) in enumerate(mine, start=1):
                scored.append(_score_volume(systems, volume, recipe, partial(draw, place)))
                show(done)
        return scored

    return processes.gather_shares(own)


def _score_volume(
    systems: Mapping[str, Open],
    volume: Case,
    recipe: Recipe,
    draw: Callable[[Case, VolumePicture], Markup | None],
) -> ScoredVolume:
    targets = targets_of(volume, recipe)
    if not targets:
        return ScoredVolume(())
    scores: list[VolumeScore] = []
    section = None
    for system, open_volume in systems.items():
        opened = open_volume(volume)
        found = list(_followed(opened, targets, system))
        own = [
            _scored(volume, target, item, system, recipe)
            for target, item in zip(targets, found, strict=True)
        ]
        if not scores:
            names, truth = [t.name for t in targets], [t.sections for t in targets]
            section = draw(volume, picture_of(opened, volume, found, names, truth, own))
        scores += own
    return ScoredVolume(tuple(scores), section)


def _followed(
    opened: OpenVolume, targets: Sequence[VolumeTarget], system: str
) -> Iterator[VolumeObject]:
    with progress_bar(system, len(targets)) as show:
        for done, target in enumerate(targets, start=1):
            yield opened.follow({target.middle: target.prompt})
            show(done)


def _scored(
    volume: Case, target: VolumeTarget, found: VolumeObject, system: str, recipe: Recipe
) -> VolumeScore:
    tolerance = recipe.evaluation.tolerance_mm
    return VolumeScore(
        case=volume.id,
        group=volume.group,
        class_name=volume.classes[target.class_id],
        object_index=target.index,
        system=system,
        prompt=PROMPT,
        tolerance_mm=tolerance,
        measures=measure_sections(
            found.sections,
            target.sections,
            depth=found.shape[0],
            spacing=volume.spacing,
            tolerance_mm=tolerance,
        ),
    )
