"""What a worker process of the conformance kit does with the answers of a domain's hooks."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
import pytest

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
    """``do`` in a process that is started afresh, as on macOS and Windows.

    Fails where a part of the work does not arrive there, and names it. The parts go as bytes: a
    worker that cannot unpickle its task would end without a word.
    """
    packed = {field.name: _packed(field.name, getattr(work, field.name)) for field in fields(work)}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for name, content in packed.items():
            problem = pool.submit(_arrives, content).exception()
            if problem is not None:
                pytest.fail(
                    f"the {name} does not arrive in a worker: {type(problem).__name__}: {problem}. "
                    "It is made anew there from its module: let that need nothing that only the "
                    "main process has done",
                    pytrace=False,
                )
        return pool.submit(_do_packed, packed).result()


def _packed(name: str, part: object) -> bytes:
    try:
        return pickle.dumps(part)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        pytest.fail(
            f"the {name} does not pickle: {error}. Make it a frozen dataclass or a function of a "
            "module, not a lambda, an inner function or an open file",
            pytrace=False,
        )


def _arrives(content: bytes) -> None:
    pickle.loads(content)


def _do_packed(packed: Mapping[str, bytes]) -> tuple[float, int]:
    return do(Work(**{name: pickle.loads(content) for name, content in packed.items()}))
