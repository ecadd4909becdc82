from __future__ import annotations

from samdomains.testing.subject import subject_of
from samdomains.testing.workers import Work, do


def test_the_work_of_a_worker_is_to_read_normalise_and_prompt() -> None:
    subject = subject_of("images")
    work = Work.of(subject)
    part = work.part
    mean, objects = do(work)
    assert 0 < mean < 1
    assert objects == len(part.read_objects() if part.read_objects else ())
