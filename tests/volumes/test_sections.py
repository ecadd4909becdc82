from __future__ import annotations

import numpy as np

from samdomains.volumes.sections import BACKGROUND, Section


def test_a_section_keeps_what_is_near_the_object() -> None:
    logits = np.full((40, 50), -3, dtype=np.float32)
    logits[10:14, 20:30] = 2
    section = Section.of(7, logits, 1.2, -0.1)
    (y, x), (height, width) = section.origin, section.crop.shape
    assert height < 30
    assert width < 30
    assert (section.predicted, section.confidence) == (1.0, 0.0)
    assert np.array_equal(section.mask(), logits > 0)
    assert section.logits()[y, x] == -3
    assert section.logits()[0, 0] == BACKGROUND
