"""What a worker process of the conformance kit does with the answers of a domain's hooks."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass

import numpy as np

from samdomains.data.parts import normalized_image
from samdomains.protocols import MaskWriter, Normalizer, PromptProposer, PromptSampler
from samdomains.testing.subject import Subject
from samdomains.types import Case


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """All that a worker gets. It must pickle.

    Attributes:
        part: An image, a slice or a tile with objects.
        normalizer: The domain's.
        sampler: The domain's.
        proposer: The domain's.
        writer: The domain's; it need only arrive.
    """

    part: Case
    normalizer: Normalizer
    sampler: PromptSampler
    proposer: PromptProposer
    writer: MaskWriter

    @classmethod
    def of(cls, subject: Subject) -> Work:
        """With the first labelled part of a domain's demo data."""
        domain, recipe = subject.domain, subject.recipe
        (part,) = subject.labelled(1)
        return cls(
            part,
            domain.normalize_intensity(recipe),
            domain.sample_prompts(recipe),
            domain.propose_prompts(recipe),
            domain.write_masks(recipe),
        )


def do(work: Work) -> tuple[float, int]:
    """Read, normalise and prompt: the mean of the image and the number of objects."""
    image = normalized_image(work.part, work.normalizer)
    objects = work.part.read_objects() if work.part.read_objects else ()
    for item in objects[:2]:
        work.sampler(item.mask(), np.random.default_rng(0), None)
    work.proposer(image)
    return float(image.mean()), len(objects)


def do_in_worker(work: Work) -> tuple[float, int]:
    """``do`` in a process that is started afresh, as on macOS and Windows."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(do, (work,))
