from __future__ import annotations

from dataclasses import replace

import pytest

from samdomains.testing.subject import subject_of
from samdomains.testing.workers import Work, do, do_in_worker


def test_the_work_of_a_worker_is_to_read_normalise_and_prompt() -> None:
    subject = subject_of("images")
    work = Work.of(subject)
    part = work.part
    mean, objects = do(work)
    assert 0 < mean < 1
    assert objects == len(part.read_objects() if part.read_objects else ())


def test_what_does_not_pickle_is_named_before_a_worker_is_started() -> None:
    work = replace(Work.of(subject_of("images")), proposer=lambda _: [])
    with pytest.raises(pytest.fail.Exception, match=r"the proposer does not pickle: .*a lambda"):
        do_in_worker(work)
