from __future__ import annotations

from samdomains.testing.subject import subject_of


def test_a_domain_is_prepared_once() -> None:
    assert subject_of("images") is subject_of("images")


def test_only_parts_with_usable_objects_count_as_labelled() -> None:
    subject = subject_of("images")
    chosen = subject.labelled(3)
    assert len(chosen) == 3
    assert all(subject.objects(part) for part in chosen)
