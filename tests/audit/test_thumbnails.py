from __future__ import annotations

from samdomains.audit.looks import take_look
from samdomains.audit.thumbnails import SIDE, make_thumbnail
from tests.audit_making import picture


def test_a_thumbnail_is_small_and_knows_the_size_of_its_image() -> None:
    shown = picture(0)
    small = make_thumbnail(take_look(shown.pixels, shown.objects))
    assert small is not None
    assert small.channels.shape == (3, SIDE, SIDE)
    assert small.gradient.shape == small.inside.shape == small.border.shape == (SIDE, SIDE)
    assert small.size == shown.pixels.shape[1:]


def test_an_image_without_objects_has_no_thumbnail() -> None:
    assert make_thumbnail(take_look(picture(0).pixels, ())) is None
