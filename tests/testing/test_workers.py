from __future__ import annotations

from samdomains.testing.subject import subject_of
from samdomains.testing.workers import Work, do


def test_the_work_of_a_worker_is_to_read_normalise_and_prompt() -> None:
    subject = subject_of("images")
    (part,) = subject.labelled(1)
    domain, recipe = subject.domain, subject.recipe
    work = Work(
        part,
        domain.normalize_intensity(recipe),
        domain.sample_prompts(recipe),
        domain.propose_prompts(recipe),
        domain.write_masks(recipe),
    )
    mean, objects = do(work)
    assert 0 < mean < 1
    assert objects == len(part.read_objects() if part.read_objects else ())
