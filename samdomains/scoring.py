"""Scoring on a run's test part or on any cases, and what the scores come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segment_anything.modeling import Sam

from samdomains.checking import Tell
from samdomains.errors import RunDirectoryError
from samdomains.evaluation.baselines import BoxEllipse
from samdomains.evaluation.card import Card, case_dice, make_card
from samdomains.evaluation.paired import compare_systems
from samdomains.evaluation.results import ObjectScore
from samdomains.evaluation.score_table import write_scores
from samdomains.evaluation.scorer import Asked, score
from samdomains.evaluation.scores import Scores, summarize_scores
from samdomains.evaluation.volume_results import summarize_volumes
from samdomains.files import write_json
from samdomains.preparation import Plan
from samdomains.processes import current_processes
from samdomains.progress import progress_bar
from samdomains.protocols import Normalizer, Segmenter
from samdomains.recipe import Recipe
from samdomains.run_directory import RunDirectory
from samdomains.sam.automatic import AutomaticObjects
from samdomains.sam.cached_encoder import CachedEncoder
from samdomains.sam.devices import best_device
from samdomains.sam.embedding_cache import EmbeddingCache
from samdomains.sam.segmenter import SamSegmenter
from samdomains.types import Case
from samdomains.volume_scoring import ScoredVolume


def score_cases(
    systems: Mapping[str, Segmenter],
    cases: Sequence[Case],
    normalizer: Normalizer,
    find: AutomaticObjects,
) -> Scores:
    """Score systems on cases, with a progress bar.

    Each process takes a share of the cases, and all get all scores.

    Args:
        systems: Name to system.
        cases: Annotated.
        normalizer: Stored pixels to image.
        find: Finds objects without prompts; its recipe says what is asked.

    Raises:
        DataError: A case has no annotation, or cannot be read.
    """
    processes = current_processes()
    own = len(processes.share(cases))
    with progress_bar(f"scoring {', '.join(systems)}", own) as show:
        return score(
            systems,
            cases,
            normalizer=normalizer,
            asked=Asked.of(find.recipe, find),
            processes=processes,
            progress=show,
        )


def score_test(plan: Plan, systems: Mapping[str, Segmenter]) -> Scores:
    """Score systems on the test part of a plan, as its recipe says."""
    normalizer = plan.domain.normalize_intensity(plan.recipe)
    find = AutomaticObjects(plan.domain.propose_prompts(plan.recipe), plan.recipe)
    return score_cases(systems, plan.splits.test, normalizer, find)


def untuned_scores(plan: Plan, encoder: CachedEncoder) -> Scores:
    """Score ``zero_shot``, the encoder's model, and ``box_ellipse`` on the test part."""
    zero_shot = SamSegmenter.of(encoder.sam, plan.recipe.model, encoder)
    return score_test(plan, {"zero_shot": zero_shot, "box_ellipse": BoxEllipse()})


def encoder_for(plan: Plan, shared: EmbeddingCache | None, tell: Tell, sam: Sam) -> CachedEncoder:
    """The way of a run's models to embeddings.

    With a full disk a run's own folder is of no use, while the user's may be on another one.
    """
    sam = sam.to(best_device())
    if shared is not None:
        return CachedEncoder(sam, shared, full=tell)
    frozen = plan.choice.name == "decoder"  # else nothing is encoded twice
    return CachedEncoder(sam, EmbeddingCache(plan.directory.embeddings) if frozen else None)


def read_kept(path: Path) -> Scores:
    """The scores that an interrupted run kept.

    Raises:
        RunDirectoryError: The file is damaged, or of another version of samdomains.
    """
    try:
        return Scores.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise RunDirectoryError(
            f"{path}: the scores of the untuned model cannot be read: the file is damaged, or of "
            "another version of samdomains. Remove it, and they are made again with --resume"
        ) from error


def summarized(
    scores: Scores,
    volumes: Sequence[ScoredVolume],
    recipe: Recipe,
    cases: Sequence[Case],
) -> dict[str, Any]:
    """The content of ``metrics.json``."""
    resamples, seed = recipe.evaluation.bootstrap, recipe.seed
    summary = summarize_scores(scores, resamples=resamples, seed=seed, cases=len(cases))
    summary["tolerance_px"] = recipe.evaluation.tolerance_px
    summary["comparisons"] = compare_systems(
        *case_dice(scores.objects), resamples=resamples, seed=seed
    )
    whole = [score for volume in volumes for score in volume.scores]
    if whole:
        summary["volumes"] = summarize_volumes(whole, resamples=resamples, seed=seed)
    return summary


def compared(scores: Sequence[ObjectScore], recipe: Recipe, *, trained_on: int) -> Card:
    """The verdict on a tuned model."""
    dice, groups = case_dice(scores)
    return make_card(
        dice,
        groups,
        trained_on=trained_on,
        resamples=recipe.evaluation.bootstrap,
        seed=recipe.seed,
    )


def write_scores_to(
    directory: RunDirectory,
    scores: Scores,
    metrics: Mapping[str, Any],
    card: Card | None,
) -> None:
    """Write scores, metrics and verdict, the most detailed first."""
    write_scores(directory.scores, scores.objects)
    write_json(directory.metrics, metrics)
    if card is not None:
        write_json(directory.card, card.to_json())
